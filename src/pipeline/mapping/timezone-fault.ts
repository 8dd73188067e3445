import { preview } from '#core/preview.ts'
import { similarName } from '#core/similar.ts'
import { timezoneNamed } from '../conversion/timezone.ts'

/** One is enough. */
const namesOfUtc = /^(?:z|utc|gmt)$/i

/**
 * Why a text is not a time zone: `UTC`, an offset of less than 16 hours, as PostgreSQL has them, or a name of the IANA's that
 * this Node.js knows.
 */
export function timezoneFault(text: string): { readonly what: string; readonly fix?: string } | undefined {
  const what = `must be UTC, an offset such as +02:00, or an IANA name, not ${preview(text)}`
  if (text !== 'UTC' && namesOfUtc.test(text)) return { what, fix: 'write UTC' }
  if (timezoneNamed(text)) return undefined
  if (/^[-+\d]/.test(text)) return { what, fix: 'write hours of two digits, at most 15, a colon and minutes' }
  const similar = similarName(text, Intl.supportedValuesOf('timeZone'))
  return { what, fix: similar === undefined ? 'for example Europe/Berlin' : `did you mean ${similar}?` }
}
