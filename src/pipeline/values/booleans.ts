import type { Encode } from './value-codec.ts'
import { badValue, wrongKind } from './value-codec.ts'

/** PostgreSQL takes more words: `yes`, `on`, `1`, `TRUE`, and whatever these begin with. */
const words = new Map([
  ['true', 'true'],
  ['t', 'true'],
  ['false', 'false'],
  ['f', 'false'],
])

export const encodeBoolean: Encode = (value) => {
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return wrongKind(value, 'a boolean')
  return words.get(value) ?? badValue(value, '"true" or "false"')
}
