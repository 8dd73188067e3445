import type { Delivery } from '#core/delivery.ts'
import type { DecodeLimits } from '#core/pipeline.ts'
import type { Rejection } from '#core/rejection.ts'
import type { JsonObject } from './json-message.ts'
import { parseJsonMessage } from './json-message.ts'
import type { Reason } from './rejection.ts'
import { rejecting } from './rejection.ts'

/** Why {@link readJson} rejects a message. */
export const jsonReasons = [
  'no-data',
  'too-large',
  'bad-attribute',
  'not-utf8',
  'too-deep',
  'not-json',
  'not-an-object',
  'forbidden-key',
] as const satisfies readonly Reason[]

/**
 * A message's data as a JSON object, checked before it is parsed: its size, encoding and depth, and attributes that
 * PostgreSQL could not store. For decoders of modules.
 */
export function readJson(delivery: Delivery, { maxMessageBytes }: DecodeLimits): JsonObject | Rejection {
  return rejecting(() => parseJsonMessage(delivery, maxMessageBytes))
}
