/** A clock that a time without an offset was read from. */
export interface Timezone {
  /** Seconds that its clock is ahead of UTC when it shows this: seconds from 1970-01-01T00:00 to what it shows. */
  readonly offsetOfLocal: (localSeconds: number) => number
  /** The same at a moment: Unix seconds. */
  readonly offsetAt: (unixSeconds: number) => number
}

/** `UTC`, `+02:00`, or an IANA name; undefined where it is none of these. */
export function timezoneNamed(name: string): Timezone | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(name) ?? []
  if (sign !== undefined) return fixedOffset(sign, Number(hours), Number(minutes))
  // JavaScript takes offsets in other spellings, too.
  if (!/^[A-Za-z]/.test(name)) return undefined
  if (name === 'UTC') return { offsetOfLocal: () => 0, offsetAt: () => 0 }
  try {
    return zoneOf(new Intl.DateTimeFormat('en-US', { ...fields, timeZone: name }))
  } catch {
    // A RangeError: there is no such zone.
    return undefined
  }
}

function fixedOffset(sign: string, hours: number, minutes: number): Timezone | undefined {
  if (hours > 15 || minutes > 59) return undefined
  const offset = (sign === '-' ? -1 : 1) * (hours * 3600 + minutes * 60)
  return { offsetOfLocal: () => offset, offsetAt: () => offset }
}

const fields = {
  calendar: 'gregory',
  numberingSystem: 'latn',
  hourCycle: 'h23',
  era: 'short',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
} as const

/** Clocks are put forward and back at full quarters of an hour, in all years for which zones are of any use. */
const stepSeconds = 900
/** Dates of JavaScript end soon after it. */
const farthest = 8e12
/** Some 40 KB. Messages are mostly of the same hours. */
const maxSteps = 1000

function zoneOf(format: Intl.DateTimeFormat): Timezone {
  const known = new Map<number, number>()
  const offsetAt = (unixSeconds: number): number => {
    const step = Math.floor(Math.max(-farthest, Math.min(farthest, unixSeconds)) / stepSeconds)
    let offset = known.get(step)
    if (offset === undefined) {
      offset = computedOffset(format, step * stepSeconds)
      if (known.size >= maxSteps) known.clear()
      known.set(step, offset)
    }
    return offset
  }
  return { offsetAt, offsetOfLocal: (localSeconds) => offsetOfLocal(offsetAt, localSeconds) }
}

/**
 * Where the clock was put back it shows an hour twice: the first of the two is taken. Where it was put forward it does not show an
 * hour at all: such a time is read as if it had not been put forward yet. RFC 5545 and ECMAScript ("compatible") do the same.
 */
function offsetOfLocal(offsetAt: Timezone['offsetAt'], localSeconds: number): number {
  // No zone is more than a day from UTC, and none changes twice within two days.
  const [before, after] = [offsetAt(localSeconds - 86_400), offsetAt(localSeconds + 86_400)]
  const isBefore = offsetAt(localSeconds - before) === before
  return isBefore || offsetAt(localSeconds - after) !== after ? before : after
}

function computedOffset(format: Intl.DateTimeFormat, unixSeconds: number): number {
  const parts = Object.fromEntries(
    format.formatToParts(unixSeconds * 1000).map(({ type, value }) => [type, value]),
  )
  const year = parts['era'] === 'BC' ? 1 - Number(parts['year']) : Number(parts['year'])
  const shown = new Date(0)
  shown.setUTCFullYear(year, Number(parts['month']) - 1, Number(parts['day']))
  shown.setUTCHours(Number(parts['hour']), Number(parts['minute']), Number(parts['second']))
  return shown.getTime() / 1000 - unixSeconds
}
