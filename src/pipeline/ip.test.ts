import assert from 'node:assert/strict'
import { isIP, isIPv6 } from 'node:net'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { anyText } from '../../test/support/text.ts'
import { canonicalIp } from './ip.ts'

/** Eight groups of 16 bits, zeros often enough. */
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
})

const isMapped = (values: readonly number[]) =>
  values.slice(0, 5).every((value) => value === 0) && values[5] === 0xffff

/** How an address may be written; `zeros`, `start` and `end` choose the run that `::` stands for, if any. */
const spelling = fc.record({
  padded: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
  upper: fc.boolean(),
  dotted: fc.boolean(),
  compress: fc.boolean(),
  pick: fc.nat({ max: 1000 }),
})
type Spelling = typeof spelling extends fc.Arbitrary<infer T> ? T : never

function spell(values: readonly number[], { padded, upper, dotted, compress, pick }: Spelling): string {
  const hex = values.map((value, i) => value.toString(16).padStart(padded[i] ? 4 : 1, '0'))
  const tail = values.slice(6).flatMap((value) => [value >> 8, value & 255])
  const parts = dotted ? [...hex.slice(0, 6), tail.join('.')] : hex
  const text = compress ? compressed(parts, pick) : parts.join(':')
  return upper ? text.toUpperCase() : text
}

/** `::` in place of one run of zero groups, any that there is. */
function compressed(parts: readonly string[], pick: number): string {
  const isZero = (part: string) => /^0+$/.test(part)
  const runs = parts.flatMap((_, start) =>
    parts
      .slice(start)
      .map((_, more) => [start, start + more + 1] as const)
      .filter(([start, end]) => parts.slice(start, end).every(isZero)),
  )
  const run = runs[pick % (runs.length || 1)]
  if (!run) return parts.join(':')
  return `${parts.slice(0, run[0]).join(':')}::${parts.slice(run[1]).join(':')}`
}

describe('an IP address has one canonical spelling', () => {
  for (const [canonical, ...spellings] of [
    ['1.1.1.7'],
    ['::', '0::0', '0:0:0:0:0:0:0:0', '::0.0.0.0'],
    ['::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '0::1', '::0:0:1', '::0.0.0.1'],
    ['2001:db8::ff00:42:8329', '2001:0DB8:0000:0000:0000:FF00:0042:8329', '2001:db8:0::ff00:42:8329'],
    // RFC 5952 section 4.2: the longest run, of equal ones the first, and never a single group.
    ['2001:0:0:1::1', '2001::1:0:0:0:1', '2001:0:0:1:0:0:0:1'],
    ['2001:db8::1:0:0:1', '2001:db8:0:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8::1:1:1:1:1'],
    // Mapped IPv4 addresses are IPv4 addresses.
    [
      '1.2.3.4',
      '::ffff:102:304',
      '::ffff:1.2.3.4',
      '::FFFF:0102:0304',
      '0:0:0:0:0:ffff:1.2.3.4',
      '0000:0000:0000:0000:0000:ffff:0102:0304',
      '0::ffff:1.2.3.4',
      '::0:FFFF:1.2.3.4',
    ],
    ['0.0.0.0', '::ffff:0:0', '::ffff:0.0.0.0'],
    ['0.0.0.1', '::ffff:0:1'],
    ['1.2.0.0', '::ffff:102:0'],
    ['255.255.255.255', '::ffff:ffff:ffff'],
    // What else holds an IPv4 address is another address.
    ['::102:304', '::1.2.3.4'],
    ['::ffff:0:102:304', '::ffff:0:1.2.3.4'],
    ['::1:ffff:102:304', '::1:ffff:1.2.3.4'],
    ['::fffe:102:304', '::fffe:1.2.3.4'],
    ['2002:102:304::', '2002:102:304:0::'],
    ['64:ff9b::c000:221', '64:ff9b::192.0.2.33'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7::'],
  ] as const) {
    test(canonical, () => {
      for (const spelling of [canonical, ...spellings])
        assert.equal(canonicalIp(spelling), canonical, spelling)
    })
  }
})

test('text that is not an address, or is ambiguous, has none', () => {
  const bad = `1.1.1.256 1.1.1 1.1.1.1.1 1.1.1.1. 010.1.1.1 01.1.1.1 1.1.1.00 0x1.1.1.1 16843009 1.1.1.7/32 1.1.1.7:80
    -1.1.1.1 1.1.1.+7 ::1/128 2001:db8::/32 fe80::1%eth0 fe80::1% fe80::1%25eth0 [::1] ::1] 1::2::3 ::: : 1:2:3:4:5:6:7
    1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7:8:: 12345::1 ::g ::ffff:1.2.3.256 ::ffff:01.2.3.4 ::1.2.3 localhost example.org １.1.1.1`
  for (const text of [...bad.split(/\s+/), '']) {
    assert.equal(canonicalIp(text), undefined, `"${text}"`)
  }
  for (const text of ['1.1.1.1 ', ' ::1', '::1\n', '1.1.1.1\0', '::1\0', '1'])
    assert.equal(canonicalIp(text), undefined)
})

test('all spellings of an IPv6 address have one canonical form, which is stable', () => {
  always(
    fc.property(groups, spelling, spelling, (values, one, other) => {
      const [a, b] = [spell(values, one), spell(values, other)]
      assert.ok(isIPv6(a), `the test itself writes addresses: ${a}`)
      const canonical = canonicalIp(a)
      assert.ok(canonical !== undefined && isIP(canonical) === (isMapped(values) ? 4 : 6))
      assert.equal(canonicalIp(b), canonical, b)
      assert.equal(canonicalIp(canonical), canonical)
      assert.equal(canonical, canonical.toLowerCase())
    }),
    1000,
  )
})

test('all spellings of a mapped IPv4 address become the IPv4 address', () => {
  always(
    fc.property(fc.ipV4(), spelling, (ipv4, how) => {
      const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
      const mapped = spell([0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d], how)
      assert.equal(canonicalIp(mapped), ipv4, mapped)
    }),
    1000,
  )
})

test('two different IPv6 addresses stay different', () => {
  always(
    fc.property(groups, groups, spelling, (one, other, how) => {
      const same = one.every((value, i) => value === other[i])
      assert.equal(canonicalIp(spell(one, how)) === canonicalIp(spell(other, how)), same)
    }),
    1000,
  )
})

test('any text gets an answer, and every answer is canonical', () => {
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string(), anyText)
  always(
    fc.property(texts, (text) => {
      const canonical = canonicalIp(text)
      if (canonical !== undefined) assert.equal(canonicalIp(canonical), canonical)
    }),
    1000,
  )
})
