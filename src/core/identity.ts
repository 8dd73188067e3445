import type { Delivery } from './delivery.ts'
import { Rejection } from './rejection.ts'

/**
 * Attributes that give a message an identity other than its own. A publisher that repeats a message, without knowing
 * whether it arrived the first time, gives both the same.
 *
 * - a request: `ingester-request`, 64 lower-case hexadecimal digits. It is the same request at any later time
 * - a message: `ingester-message-id` and `ingester-publish-time` together, the id and the time (RFC 3339, UTC, with
 *   milliseconds) of the message that this one repeats
 *
 * The time is carried beside a request, too, where a message of it is repeated: it is as old as that one.
 */
export const identityAttributes = {
  request: 'ingester-request',
  messageId: 'ingester-message-id',
  publishTime: 'ingester-publish-time',
} as const

/** What makes two deliveries the same, wherever each row counts once: a message, or the request that it was made of. */
export type Identity =
  | { readonly kind: 'request'; readonly request: string; readonly publishTimeMs: number }
  | {
      readonly kind: 'message'
      readonly messageId: string
      /** Unix ms, of the message that was published first. */
      readonly publishTimeMs: number
      /** It was given by attributes, which anyone who publishes can write. */
      readonly isGiven: boolean
    }

/** The reason of messages whose identity cannot be read. */
export const badIdentity = 'bad-identity'

/** How far ahead of its message a given time may lie: clocks differ, and days are made for two more. */
const maxAheadMs = 86_400_000

type Identified = Pick<Delivery, 'messageId' | 'publishTimeMs' | 'attributes'>

/** The identity of a delivery: the one that its attributes give, else the message's own. */
export function identityOf({ messageId, publishTimeMs, attributes }: Identified): Identity | Rejection {
  const request = attributes[identityAttributes.request]
  const givenId = attributes[identityAttributes.messageId]
  const givenTime = attributes[identityAttributes.publishTime]
  if (request !== undefined && !isRequest(request))
    return faulty(identityAttributes.request, 'is not 64 lower-case hexadecimal digits')
  if (request !== undefined && givenTime === undefined) return { kind: 'request', request, publishTimeMs }
  if (givenId === undefined && givenTime === undefined)
    return { kind: 'message', messageId, publishTimeMs, isGiven: false }
  const timeMs = publishTimeFrom(givenTime)
  if (timeMs === undefined)
    return faulty(identityAttributes.publishTime, 'is not a time such as 2026-11-21T10:00:00.000Z')
  if (timeMs > publishTimeMs + maxAheadMs)
    return faulty(
      identityAttributes.publishTime,
      'is more than a day later than the publish time of its message',
    )
  if (request !== undefined) return { kind: 'request', request, publishTimeMs: timeMs }
  if (givenId === undefined || givenId === '' || givenId.length > maxIdLength)
    return faulty(identityAttributes.messageId, `is not 1 to ${maxIdLength} characters`)
  // No text of PostgreSQL has one.
  if (givenId.includes('\0')) return faulty(identityAttributes.messageId, 'is a text with a NUL character')
  return { kind: 'message', messageId: givenId, publishTimeMs: timeMs, isGiven: true }
}

/** Pub/Sub's own ids have some twenty digits. */
const maxIdLength = 128

/** The attributes by which a message repeats this one. */
export function repeatedBy(messageId: string, publishTimeMs: number): Readonly<Record<string, string>> {
  return {
    [identityAttributes.messageId]: messageId,
    [identityAttributes.publishTime]: new Date(publishTimeMs).toISOString(),
  }
}

/**
 * When a message was published first, in Unix ms: the time that it repeats, where that can be read, else its own. By this
 * it is as old as what it repeats.
 */
export function firstPublishedMs({
  publishTimeMs,
  attributes,
}: Pick<Delivery, 'publishTimeMs'> & Partial<Pick<Delivery, 'attributes'>>): number {
  const text = attributes?.[identityAttributes.publishTime]
  const given = text === undefined ? undefined : publishTimeFrom(text)
  return given === undefined ? publishTimeMs : Math.min(given, publishTimeMs)
}

function isRequest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

function publishTimeFrom(text: string | undefined): number | undefined {
  const time = new Date(text ?? '')
  // With a sign and six digits a year may be one that no timestamptz has.
  if (/^[+-]/.test(text ?? '')) return undefined
  // A day that no month has would be one of the next.
  return !Number.isNaN(time.getTime()) && time.toISOString() === text ? time.getTime() : undefined
}

function faulty(attribute: string, what: string): Rejection {
  return new Rejection(badIdentity, `attribute ${attribute} ${what}`)
}
