// Times are read in two ways, by bytes and by patterns, which must agree; and in zones as the platform itself reads them.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { always } from '../../../test/support/seed.ts'
import { JsonScanner } from '../json/scanner.ts'
import { timestamptzEncoder } from '../values/times.ts'
import { ValueFault } from '../values/value-codec.ts'
import { unixMicros } from '../version-rank.ts'
import { microsOfCount, microsOfWhole } from './epoch-time.ts'
import { microsOfRfc3339 } from './rfc3339.ts'
import { timestamptzReader } from './times.ts'
import { timezoneNamed } from './timezone.ts'

const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`))
/** Mostly right, and wrong in one place now and then. */
const pieces = fc.record({
  year: fc.oneof(
    digits(4),
    fc.constantFrom('2024', '2026', '1900', '2000', '0001', '1689', '1690', '2254', '2255', '12026'),
  ),
  month: fc.oneof(fc.constantFrom('01', '02', '12'), digits(2)),
  day: fc.oneof(fc.constantFrom('01', '28', '29', '30', '31'), digits(2)),
  mark: fc.constantFrom('T', 't', ' ', 'T', 'T', '_'),
  hour: fc.oneof(fc.constantFrom('00', '12', '23'), digits(2)),
  minute: fc.oneof(fc.constantFrom('00', '59'), digits(2)),
  second: fc.oneof(fc.constantFrom('00', '59'), digits(2)),
  fraction: fc.oneof(
    fc.constant(''),
    fc.integer({ min: 0, max: 12 }).chain((n) => digits(n).map((text) => `.${text}`)),
  ),
  offset: fc.constantFrom(
    'Z',
    'z',
    '+00:00',
    '-23:59',
    '+15:59',
    '+16:00',
    '-00:30',
    '+0530',
    '',
    'ZZ',
    '+05:3',
  ),
})
const spelled = pieces.map(
  ({ year, month, day, mark, hour, minute, second, fraction, offset }) =>
    `${year}-${month}-${day}${mark}${hour}:${minute}:${second}${fraction}${offset}`,
)

const encode = timestamptzEncoder()

describe('RFC 3339', () => {
  test('what is read from bytes is what the patterns read, and nothing else', () => {
    const read = (text: string) => {
      // What is behind it belongs to another message.
      const bytes = Buffer.from(`"${text}"9Z`)
      return microsOfRfc3339(bytes, 1, 1 + text.length)
    }
    always(
      fc.property(spelled, (text) => {
        const micros = read(text)
        const encoded = encode(text)
        if (micros === undefined) return
        assert.ok(typeof encoded === 'string', `${text} is not a time`)
        assert.equal(BigInt(micros), unixMicros(encoded))
      }),
      3000,
    )
    assert.equal(read('2026-01-31T12:00:00.123456789+02:00'), 1_769_853_600_123_456)
    assert.equal(read('1969-12-31T23:59:59.9999999Z'), -1)
  })

  test('no date is known before the first one was read', async () => {
    // Not the module that has read others.
    const { href } = new URL('./rfc3339.ts?fresh', import.meta.url)
    const fresh = (await import(href)) as { microsOfRfc3339: typeof microsOfRfc3339 }
    const zero = Buffer.from('0000-00-00 00:00:00Z')
    assert.equal(fresh.microsOfRfc3339(zero, 0, zero.length), undefined)
  })

  test('a time before 1970 or with an offset is read from bytes, too: the slow way is for the rest', () => {
    for (const text of ['1900-02-28T23:59:59-15:59', '2024-02-29 00:00:00z', '2254-12-31T23:59:59.999999Z'])
      assert.notEqual(microsOfRfc3339(Buffer.from(text), 0, text.length), undefined, text)
  })
})

describe('a count since 1970', () => {
  const units = { s: 1_000_000n, ms: 1000n, us: 1n, ns: 1n } as const
  const counts = fc.tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.integer({ min: 0, max: 20 }))

  test('is cut to microseconds, towards the past, whatever its digits', () => {
    const property = fc.property(counts, fc.constantFrom('s', 'ms', 'us', 'ns'), ([whole, places], unit) => {
      const text = `${whole}e-${places}`
      const [numerator, denominator] = [
        whole * units[unit],
        10n ** BigInt(places) * (unit === 'ns' ? 1000n : 1n),
      ]
      const quotient = numerator / denominator
      const floor = numerator < 0n && quotient * denominator !== numerator ? quotient - 1n : quotient
      assert.equal(microsOfCount(text, unit), floor, text)
      const number = Number(whole)
      if (places > 0 || !Number.isSafeInteger(number)) return
      const micros = microsOfWhole(number, unit)
      if (micros !== undefined) assert.equal(BigInt(micros), floor)
    })
    always(property, 2000)
  })

  test('is refused where it is beyond all times, in no time', () => {
    assert.equal(microsOfCount('1e1000000000', 's'), 'too-far')
    assert.equal(microsOfCount('1e-1000000000', 's'), 0n)
    assert.equal(microsOfCount('-1e-1000000000', 's'), -1n)
    assert.equal(microsOfCount('0e1000000000', 's'), 0n)
    assert.equal(microsOfCount('', 's'), undefined)
  })
})

describe('a time zone', () => {
  const zones = [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'UTC',
    '+05:30',
    '-15:59',
  ]
  // From 1980 to 2037, when rules are known; many close to a change of the clocks.
  const seconds = fc.oneof(
    fc.integer({ min: 315_532_800, max: 2_145_916_800 }),
    fc.integer({ min: -7200, max: 7200 }).map((offset) => Date.UTC(2026, 2, 29, 2) / 1000 + offset),
    fc.integer({ min: -7200, max: 7200 }).map((offset) => Date.UTC(2026, 9, 25, 2) / 1000 + offset),
    fc.integer({ min: -90_000, max: 90_000 }).map((offset) => Date.UTC(2011, 11, 30) / 1000 + offset),
  )

  test('reads a clock as ECMAScript does: of two times the first, a skipped one as before', () => {
    const property = fc.property(fc.constantFrom(...zones), seconds, (name, local) => {
      const zone = timezoneNamed(name)
      assert.ok(zone)
      const plain = new Date(local * 1000).toISOString().slice(0, 19)
      const expected = Temporal.PlainDateTime.from(plain).toZonedDateTime(name).epochMilliseconds / 1000
      assert.equal(local - zone.offsetOfLocal(local), expected, `${plain} in ${name}`)
      const offset = Temporal.Instant.fromEpochMilliseconds(local * 1000).toZonedDateTimeISO(
        name,
      ).offsetNanoseconds
      assert.equal(zone.offsetAt(local), offset / 1e9)
    })
    always(property, 1500)
  })

  test('is unknown where nobody has it', () => {
    assert.equal(timezoneNamed('Europe/Atlantis'), undefined)
    assert.equal(timezoneNamed('+16:00'), undefined)
  })

  test('times at the end of all time have one, too', () => {
    const read = timestamptzReader({ timezone: timezoneNamed('Europe/Berlin') ?? assert.fail() })
    const bytes = Buffer.from('"294246-12-31T00:00:00"')
    const scanner = new JsonScanner([[]])
    assert.equal(scanner.scan(bytes, 0, bytes.length), undefined)
    const value = read(scanner.kinds[0] ?? 0, bytes, scanner.starts[0] ?? 0, scanner.ends[0] ?? 0)
    assert.ok(!(value instanceof ValueFault) && value !== null)
  })
})
