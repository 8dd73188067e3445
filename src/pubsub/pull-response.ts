import type { PulledDelivery, Received, Reception } from './pulled-delivery.ts'
import { DeliveryInResponse } from './pulled-delivery.ts'
import { WireReader } from './wire-reader.ts'

/** Tags of the fields that are read: field number << 3 | wire type (0 varint, 2 length-delimited). */
const receivedMessage = (1 << 3) | 2
const modifyConfirmation = (3 << 3) | 2
const ackConfirmation = (5 << 3) | 2
const ackResult = { invalid: (2 << 3) | 2, unordered: (3 << 3) | 2, failedForNow: (4 << 3) | 2 }
const modifyResult = { invalid: (2 << 3) | 2 }

/** The results of earlier acks and extensions that the service reports on a stream, with exactly-once delivery. */
export interface Confirmations {
  readonly rejectedAcks: readonly string[]
  /** To be sent again. */
  readonly failedAcks: readonly string[]
  readonly rejectedExtensions: readonly string[]
}

export interface PullResponse {
  readonly deliveries: PulledDelivery[]
  /** Undefined: none of them failed. */
  readonly confirmations: Confirmations | undefined
}

/**
 * A `google.pubsub.v1.StreamingPullResponse`, read by hand: the generated code makes a dozen objects of each message.
 * Here it is one, and fields that are rarely needed (ids, attributes, even the data) stay in the response's bytes until
 * they are read.
 *
 * @throws RangeError where the bytes are no such response
 */
export function readPullResponse(response: Buffer, reception: Reception): PullResponse {
  const deliveries: PulledDelivery[] = []
  let failures: { [List in keyof Confirmations]: string[] } | undefined
  const reader = new WireReader(response)
  const arrived: Received = { bytes: response, reception }
  while (reader.at < response.length) {
    const tag = reader.varint()
    if (tag === receivedMessage) deliveries.push(new DeliveryInResponse(reader, arrived))
    else if (tag === ackConfirmation || tag === modifyConfirmation) {
      failures ??= { rejectedAcks: [], failedAcks: [], rejectedExtensions: [] }
      const lists =
        tag === ackConfirmation
          ? new Map([
              [ackResult.invalid, failures.rejectedAcks],
              [ackResult.unordered, failures.failedAcks],
              [ackResult.failedForNow, failures.failedAcks],
            ])
          : // Those that failed for the moment are extended again before long anyway.
            new Map([[modifyResult.invalid, failures.rejectedExtensions]])
      readConfirmation(reader, lists)
    } else reader.skip(tag)
  }
  const isEmpty = failures === undefined || Object.values(failures).every(({ length }) => length === 0)
  return { deliveries, confirmations: isEmpty ? undefined : failures }
}

function readConfirmation(reader: WireReader, lists: ReadonlyMap<number, string[]>): void {
  const end = reader.endOfField()
  while (reader.at < end) {
    const tag = reader.varint()
    const list = lists.get(tag)
    if (list) list.push(reader.text())
    else reader.skip(tag)
  }
  reader.mustBeAt(end)
}
