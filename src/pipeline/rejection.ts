import { tooLarge } from '#core/dead-letter.ts'
import { Rejection } from '#core/rejection.ts'

/**
 * Why a message cannot be stored, as counted. Few and fixed, since each is the value of a metric's label.
 */
export const reasons = [
  'no-data',
  tooLarge,
  'bad-attribute',
  'not-utf8',
  'too-deep',
  'not-json',
  'not-an-object',
  'forbidden-key',
  'missing-field',
  'wrong-type',
  'unknown-version',
  'payload-mismatch',
  'bad-base64',
  'bad-text',
  'bad-ip',
  'bad-port',
  'bad-service',
  'bad-timestamp',
] as const

export type Reason = (typeof reasons)[number]

/** Thrown inside a decoder only, and caught at its edge: see {@link rejecting}. */
class DecodeError extends Error {
  readonly rejection: Rejection

  constructor(rejection: Rejection) {
    super(rejection.detail)
    this.rejection = rejection
  }
}

/** @throws always; to be used inside {@link rejecting} */
export function reject(reason: Reason, detail: string): never {
  throw new DecodeError(new Rejection(reason, detail))
}

/** Runs a decoder; what it rejects becomes the result. */
export function rejecting<T>(decode: () => T): T | Rejection {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DecodeError) return error.rejection
    throw error
  }
}
