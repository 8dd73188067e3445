import type { PubsubClients } from './client.ts'
import { noRetry } from './client.ts'

/** A message to publish. */
export interface OutgoingMessage {
  readonly data: Buffer
  readonly attributes?: Readonly<Record<string, string>>
  readonly orderingKey?: string
}

/**
 * The service's limits for one request are 1,000 messages, 10 MB (the rest is for what is around the messages) and one
 * ordering key. https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#pubsubmessage
 */
export const maxMessages = 1000
/** The most that a message may have. */
export const maxAttributes = 100
export const maxBytes = 9_000_000
/**
 * Left to itself the client makes one request of all calls to a topic within 10 ms: it mixes ordering keys, and what
 * the service refuses of one call fails the others.
 */
export const unbundled = { ...noRetry, isBundling: false }
/** Tags and lengths around a message, and around each attribute. */
const messageOverheadBytes = 20
const attributeOverheadBytes = 12

/**
 * Publishes to a topic (full name); resolves with the message ids, in order, when all are confirmed. It does not
 * retry; after a failure some of them may have been published.
 *
 * @throws gRPC errors
 */
export async function publish(
  { publisher }: PubsubClients,
  topic: string,
  messages: readonly OutgoingMessage[],
): Promise<string[]> {
  const ids: string[] = []
  for (const request of requestsOf(messages)) {
    const [response] = await publisher.publish({ topic, messages: request }, unbundled)
    ids.push(...(response.messageIds ?? []))
  }
  return ids
}

/** What goes into one request each, in order. */
export function* requestsOf(messages: readonly OutgoingMessage[]): Generator<OutgoingMessage[]> {
  let request: OutgoingMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const size = sizeOf(message)
    const isFull = request.length >= maxMessages || bytes + size > maxBytes
    if (request.length > 0 && (isFull || keyOf(message) !== keyOf(request[0]))) {
      yield request
      request = []
      bytes = 0
    }
    request.push(message)
    bytes += size
  }
  if (request.length > 0) yield request
}

function keyOf(message: OutgoingMessage | undefined): string {
  return message?.orderingKey ?? ''
}

/** At least what the message takes in a request. */
export function sizeOf({ data, attributes = {}, orderingKey = '' }: OutgoingMessage): number {
  let bytes = messageOverheadBytes + data.length + Buffer.byteLength(orderingKey)
  for (const [name, value] of Object.entries(attributes))
    bytes += attributeOverheadBytes + Buffer.byteLength(name) + Buffer.byteLength(value)
  return bytes
}
