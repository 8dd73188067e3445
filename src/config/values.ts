import type { ShownValue } from './shown.ts'
import { butNot, shownValue } from './shown.ts'

/** A value that is not what it must be. */
export class InvalidValue extends Error {
  /** What it must be: the end of a sentence about it. */
  readonly rule: string
  readonly value: ShownValue | undefined
  /** In what way it breaks the rule, where that cannot be seen. */
  readonly reason: string | undefined

  constructor(rule: string, value?: ShownValue, reason?: string) {
    super(`${rule}${value ? butNot(value) : ''}${reason === undefined ? '' : `: ${reason}`}`)
    this.rule = rule
    this.value = value
    this.reason = reason
  }
}

// Values as users write them, in variables and options alike. Each throws an InvalidValue.

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const byteUnits: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** `10s`, `100ms`, `1.5h`; in ms. */
export function parseDuration(text: string): number {
  return quantity(text, durationUnits) ?? refuse('a duration such as 10s, 100ms or 72h', text)
}

/** `100MiB`, `64KiB`, `4096`; in bytes. */
export function parseBytes(text: string): number {
  return quantity(text, byteUnits) ?? refuse('a size such as 100MiB, 64KiB or 4096', text)
}

/** A whole number within bounds. */
export function parseWhole(text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  const isOpen = most === Number.MAX_SAFE_INTEGER && !/^\d{16,}$/.test(text)
  const bounds = isOpen ? `of at least ${least}` : `from ${least} to ${most}`
  return refuse(`a whole number ${bounds}`, text)
}

/** 0 to 100. */
export function parsePercentage(text: string): number {
  const value = Number(text)
  return text.trim() !== '' && value >= 0 && value <= 100 ? value : refuse('a percentage from 0 to 100', text)
}

/** So many requests in a second or a minute. */
export interface RateLimit {
  readonly requests: number
  readonly perMs: number
}

const rateUnits: Readonly<Record<string, number>> = { s: 1000, m: 60_000 }

/** `60/s`, `600/m` or `off`. */
export function parseRateLimit(text: string): RateLimit | 'off' {
  if (text === 'off') return text
  const [, digits = '', unit = ''] = /^(\d{1,7})\/([sm])$/.exec(text) ?? []
  const perMs = rateUnits[unit]
  if (Number(digits) > 0 && perMs !== undefined) return { requests: Number(digits), perMs }
  return refuse('a number of requests such as 60/s or 600/m, or off', text)
}

/** As {@link parseRateLimit} reads it. */
export function writeRateLimit(limit: RateLimit | 'off'): string {
  return limit === 'off' ? limit : `${limit.requests}/${limit.perMs === 1000 ? 's' : 'm'}`
}

/** As {@link parseDuration} reads it, in hours, seconds or ms. */
export function writeDuration(ms: number): string {
  return written(ms, { ms: 1, s: 1000, h: 3_600_000 })
}

/** As {@link parseBytes} reads it. */
export function writeBytes(bytes: number): string {
  return written(bytes, byteUnits)
}

/** In the greatest unit, the last of these, of which it is a whole number. */
function written(value: number, units: Readonly<Record<string, number>>): string {
  if (value === 0) return '0'
  const [unit, factor] = Object.entries(units).findLast(([, factor]) => value % factor === 0) ?? ['', 1]
  return `${value / factor}${unit}`
}

/** Zero needs no unit. */
function quantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  if (text === '0') return 0
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? []
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  return number !== undefined && factor !== undefined ? Math.round(Number(number) * factor) : undefined
}

function refuse(expected: string, text: string): never {
  throw new InvalidValue(`must be ${expected}`, shownValue(text))
}
