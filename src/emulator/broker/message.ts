import type { google } from '@google-cloud/pubsub/build/protos/protos.js'
import { PubsubMessage } from './proto.ts'

/** A published message, encoded once for all its deliveries to all subscriptions. */
export interface Message {
  readonly id: string
  readonly publishMs: number
  readonly orderingKey: string
  /** `google.pubsub.v1.PubsubMessage`. */
  readonly encoded: Uint8Array
  /** Bytes, as flow control counts them. */
  readonly size: number
}

/** What a publisher hands in. */
export interface Outgoing {
  readonly data?: Uint8Array | null | undefined
  readonly attributes?: Readonly<Record<string, string>> | null | undefined
  readonly orderingKey?: string | null | undefined
}

/** A message as people and tests look at it. */
export interface MessageContent {
  readonly messageId: string
  readonly publishMs: number
  readonly data: Buffer
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
}

export function newMessage(
  { data, attributes, orderingKey }: Outgoing,
  id: string,
  publishMs: number,
): Message {
  const seconds = Math.floor(publishMs / 1000)
  const nanos = Math.round((publishMs - seconds * 1000) * 1_000_000)
  const fields: google.pubsub.v1.IPubsubMessage = {
    ...(data && data.length > 0 ? { data } : {}),
    attributes: attributes ?? {},
    ...(orderingKey ? { orderingKey } : {}),
    messageId: id,
    publishTime: { seconds, nanos },
  }
  const encoded = PubsubMessage.encode(fields).finish()
  return { id, publishMs, orderingKey: orderingKey ?? '', encoded, size: encoded.length }
}

export function contentOf({ id, publishMs, orderingKey, encoded }: Message): MessageContent {
  const { data, attributes } = PubsubMessage.decode(encoded) as google.pubsub.v1.IPubsubMessage
  return {
    messageId: id,
    publishMs,
    data: Buffer.from((data as Uint8Array | undefined) ?? []),
    attributes: { ...attributes },
    orderingKey,
  }
}
