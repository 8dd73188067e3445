import type { Outgoing } from '../broker/message.ts'
import { invalidArgument } from '../broker/status.ts'

/** https://cloud.google.com/pubsub/quotas#resource_limits */
const maxMessages = 1000
const maxBytes = 10_000_000
const maxAttributes = 100
const maxAttributeKeyBytes = 256
const maxAttributeValueBytes = 1024
const maxOrderingKeyBytes = 1024
const maxAckRequestBytes = 512 * 1024

/** The answer to a publish request that is larger than the service's limit, however it was noticed. */
export const payloadTooLarge = () =>
  invalidArgument(`Request payload size exceeds the limit: ${maxBytes} bytes.`)

/** @throws StatusError if one of the messages, or all of them together, may not be published */
export function checkPublish(messages: readonly Outgoing[]): void {
  if (messages.length === 0) throw invalidArgument('No messages to publish')
  if (messages.length > maxMessages) {
    throw invalidArgument(`Too many messages to publish: ${messages.length}, at most ${maxMessages}`)
  }
  const bytes = messages.reduce((sum, message) => sum + checkMessage(message), 0)
  if (bytes > maxBytes) throw payloadTooLarge()
}

/** @throws StatusError if there are none, or too much: by size alone, since clients send as many as fit */
export function checkAckIds(ackIds: readonly string[] | null | undefined): readonly string[] {
  if (!ackIds?.length) throw invalidArgument('No ack ids specified.')
  if (ackIds.reduce((sum, id) => sum + id.length, 0) > maxAckRequestBytes) {
    throw invalidArgument(`Request payload size exceeds the limit: ${maxAckRequestBytes} bytes.`)
  }
  return ackIds
}

/** @returns its size in bytes */
function checkMessage({ data, attributes, orderingKey }: Outgoing): number {
  const pairs = Object.entries(attributes ?? {})
  if (!data?.length && pairs.length === 0) throw invalidArgument('Some messages are empty')
  if (pairs.length > maxAttributes) {
    throw invalidArgument(`A message has ${pairs.length} attributes, at most ${maxAttributes} are allowed`)
  }
  if (Buffer.byteLength(orderingKey ?? '') > maxOrderingKeyBytes) {
    throw invalidArgument(`An ordering key is longer than ${maxOrderingKeyBytes} bytes`)
  }
  return (data?.length ?? 0) + pairs.reduce((sum, pair) => sum + checkAttribute(pair), 0)
}

function checkAttribute([key, value]: readonly [string, string]): number {
  const [keyBytes, valueBytes] = [Buffer.byteLength(key), Buffer.byteLength(value)]
  if (keyBytes === 0) throw invalidArgument('An attribute has an empty key')
  if (keyBytes > maxAttributeKeyBytes) {
    throw invalidArgument(`An attribute's key is longer than ${maxAttributeKeyBytes} bytes`)
  }
  if (key.startsWith('goog')) throw invalidArgument(`The attribute key ${key} begins with "goog"`)
  if (valueBytes > maxAttributeValueBytes) {
    throw invalidArgument(`The value of attribute ${key} is longer than ${maxAttributeValueBytes} bytes`)
  }
  return keyBytes + valueBytes
}
