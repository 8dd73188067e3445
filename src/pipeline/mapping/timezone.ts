import { preview } from '#core/preview.ts'
import { similarName } from '#core/similar.ts'

/**
 * Why a text is no time zone: `UTC`, an offset of less than 16 hours, as PostgreSQL has them, or a name of the IANA's that
 * this Node.js knows.
 */
export function timezoneFault(text: string): { readonly what: string; readonly fix?: string } | undefined {
  if (text === 'UTC' || offset.test(text)) return undefined
  const what = `must be UTC, an offset such as +02:00, or an IANA name, not ${preview(text)}`
  if (/^(?:z|utc|gmt)$/i.test(text)) return { what, fix: 'write UTC' }
  if (/^[-+\d]/.test(text)) return { what, fix: 'write hours of two digits, at most 15, a colon and minutes' }
  if (isKnown(text)) return undefined
  const similar = similarName(text, Intl.supportedValuesOf('timeZone'))
  return { what, fix: similar === undefined ? 'for example Europe/Berlin' : `did you mean ${similar}?` }
}

const offset = /^[-+](?:0\d|1[0-5]):[0-5]\d$/

function isKnown(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
