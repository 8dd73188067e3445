import { hash, randomUUID } from 'node:crypto'
import type { DoorMessage } from '#core/door.ts'
import { identityAttributes, repeatedBy } from '#core/identity.ts'

/** Who asks for what, by which key. */
export interface KeyedRequest {
  /** SHA-256 of the bearer token; empty where there are no tokens. */
  readonly principal: string
  /** Method and path of the door. */
  readonly route: string
  /** Of the header; undefined where there is none. */
  readonly key: string | undefined
}

/** As JSON Schema: 1 to 255 visible ASCII characters. */
export const idempotencyKeySchema = { type: 'string', pattern: '^[!-~]{1,255}$' } as const
const idempotencyKey = new RegExp(idempotencyKeySchema.pattern)

export const isIdempotencyKey = (text: string): boolean => idempotencyKey.test(text)

/**
 * The messages of a request, each with its identity. With a key it is the same for each time that the request is made: a hash
 * of principal, route and key, and of the message's index from the second on. Nothing of the time is in it.
 */
export function withRequestIdentity(
  messages: readonly DoorMessage[],
  request: KeyedRequest,
  nowMs: number,
): DoorMessage[] {
  return messages.map((message, index) => ({
    ...message,
    attributes: { ...message.attributes, ...requestIdentity(request, index, nowMs) },
  }))
}

function requestIdentity({ principal, route, key }: KeyedRequest, index: number, nowMs: number) {
  if (key === undefined) return repeatedBy(randomUUID(), nowMs)
  // As JSON no two different ones are the same text.
  const parts = index === 0 ? [principal, route, key] : [principal, route, key, index]
  return { [identityAttributes.request]: hash('sha256', JSON.stringify(parts)) }
}
