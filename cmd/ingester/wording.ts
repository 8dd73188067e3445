import { plain } from '#core/plain.ts'

/** Times and texts for people. Texts may be untrusted input. */

const units = [
  ['day', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** `3 s ago`, `2 days ago`; before the present `in 5 min`. */
export function age(ms: number): string {
  const [unit, size] = units.find(([, size]) => Math.abs(ms) >= size) ?? ['', 0]
  if (size === 0) return 'just now'
  const count = Math.floor(Math.abs(ms) / size)
  const amount = `${count} ${unit}${unit === 'day' && count !== 1 ? 's' : ''}`
  return ms < 0 ? `in ${amount}` : `${amount} ago`
}

/** `2026-11-21 10:00:00`, in UTC; a time that no calendar has, such as a column's `infinity`, as it is. */
export function utc(time: Date | number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString().replace('T', ' ').slice(0, -5)
}

const shownCharacters = 60

/** Its beginning, in quotes. */
export function quoted(text: string): string {
  if (text.length <= shownCharacters) return `'${plain(text, 'one line')}'`
  return `'${plain(text.slice(0, shownCharacters).toWellFormed(), 'one line')}…'`
}
