// Responses to Pull and StreamingPull, written by hand: a message is encoded when it is published, and only copied
// into each response. https://protobuf.dev/programming-guides/encoding/
import type { Delivery } from '../broker/backlog.ts'

/** Tags: field number << 3 | wire type (0 varint, 2 length-delimited). */
const receivedMessages = (1 << 3) | 2
const ackIdField = (1 << 3) | 2
const messageField = (2 << 3) | 2
const deliveryAttemptField = 3 << 3
const subscriptionProperties = (4 << 3) | 2
const exactlyOnceDeliveryEnabled = 1 << 3
const messageOrderingEnabled = 2 << 3

export interface ResponseProperties {
  /** Whether attempts are told: the subscription has a dead-letter policy. */
  readonly attempts: boolean
  /** Whether the subscription's properties are told, as in StreamingPull. */
  readonly ordered: boolean | undefined
}

/** `PullResponse`, or `StreamingPullResponse` with its properties: field 1 is the same in both. */
export function encodeDeliveries(
  deliveries: readonly Delivery[],
  { attempts, ordered }: ResponseProperties,
): Buffer {
  const bodySize = ({ message, ackId, attempt }: Delivery) =>
    fieldSize(ackId.length) + fieldSize(message.encoded.length) + (attempts ? 1 + varintSize(attempt) : 0)
  let size = ordered === undefined ? 0 : 6
  for (const delivery of deliveries) size += fieldSize(bodySize(delivery))

  const buffer = Buffer.allocUnsafe(size)
  let at = 0
  const varint = (value: number) => {
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) buffer[at++] = (rest & 0x7f) | 0x80
    buffer[at++] = rest
  }
  for (const delivery of deliveries) {
    const { message, ackId, attempt } = delivery
    buffer[at++] = receivedMessages
    varint(bodySize(delivery))
    buffer[at++] = ackIdField
    varint(ackId.length)
    at += buffer.write(ackId, at, 'latin1')
    buffer[at++] = messageField
    varint(message.encoded.length)
    buffer.set(message.encoded, at)
    at += message.encoded.length
    if (!attempts) continue
    buffer[at++] = deliveryAttemptField
    varint(attempt)
  }
  if (ordered !== undefined) {
    for (const byte of [subscriptionProperties, 4, exactlyOnceDeliveryEnabled, 0, messageOrderingEnabled])
      buffer[at++] = byte
    buffer[at] = ordered ? 1 : 0
  }
  return buffer
}

/** Of a length-delimited field with a tag of one byte. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length
}

export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size += 1
  return size
}
