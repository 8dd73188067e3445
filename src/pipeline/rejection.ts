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

/**
 * A value as shown to users: its JSON, cut; never more than the beginning of a payload. In ASCII, so that it can be
 * stored and printed anywhere, and what is invisible or looks like something else is seen.
 */
export function preview(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  const cut = text.length > 60
  const shown = ascii(cut ? text.slice(0, 60) : text)
  return cut ? `${shown}... (${text.length} characters)` : shown
}

/** Everything beyond ASCII as `\u65e5`, as JSON writes it. */
export function ascii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
