import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { isDeepStrictEqual } from 'node:util'
import { accepted, valuesOf } from '../../../test/support/scan-message.ts'
import { withSeed } from '../../../test/support/seed.ts'
import { poisons } from './poison.ts'
import { Random } from '../random.ts'
import { keyOfScan } from './scan.ts'
import type { Mixture } from './scan-generator.ts'
import { ScanGenerator } from './scan-generator.ts'

const now = 1_700_000_000
const plain: Mixture = { duplicates: 0, late: 0, poison: 0 }

function generate(seed: number, mixture: Partial<Mixture>, count: number, secondsBetween = 0) {
  let fresh = 0
  const clock = () => {
    fresh += 1
    return now + fresh * secondsBetween
  }
  const generator = new ScanGenerator(seed, { ...plain, ...mixture }, clock)
  const messages = Array.from({ length: count }, () => generator.next())
  // Only a fresh scan asks for the time.
  return { messages, fresh }
}

/** Five standard deviations: one false alarm in two million seeds. */
function assertShare(count: number, of: number, share: number, what: string): void {
  const slack = 5 * Math.sqrt(of * share * (1 - share)) + 1
  assert.ok(Math.abs(count - of * share) <= slack, `${what}: ${count} of ${of}, not ${share * of} ± ${slack}`)
}

describe('the generator', () => {
  test('makes the same messages from the same seed, and others from another', () => {
    const mixture = { duplicates: 20, late: 30, poison: 5 }
    const one = generate(42, mixture, 2000).messages
    // Told apart without a diff, which would take minutes.
    assert.ok(isDeepStrictEqual(generate(42, mixture, 2000).messages, one))
    assert.ok(!isDeepStrictEqual(generate(43, mixture, 2000).messages, one))
  })

  test('matches the original scanner in shape and proportions', () =>
    withSeed((seed) => {
      const count = 20_000
      const { messages, fresh } = generate(seed, {}, count)
      assert.equal(fresh, count)
      const services: Record<string, number> = {}
      let version1 = 0
      for (const { data, attributes, scan } of messages) {
        assert.ok(scan && attributes === undefined)
        assert.match(scan.ip, /^1\.1\.1\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])$/)
        assert.ok(scan.port >= 0 && scan.port <= 65_534)
        assert.match(scan.response, /^service response: \d{1,2}$/)
        services[scan.service] = (services[scan.service] ?? 0) + 1
        const { data_version: version, data: payload, ...rest } = JSON.parse(data.toString())
        const { ip, port, service } = scan
        assert.deepEqual(rest, { ip, port, service, timestamp: now })
        assert.deepEqual(Object.keys(payload), [version === 1 ? 'response_bytes_utf8' : 'response_str'])
        version1 += version === 1 ? 1 : 0
      }
      assertShare(version1, count, 1 / 2, 'version 1')
      assert.deepEqual(Object.keys(services).sort(), ['DNS', 'HTTP', 'SSH'])
      for (const [service, times] of Object.entries(services)) assertShare(times, count, 1 / 3, service)
      assert.equal(new Set(messages.map(({ scan }) => scan?.ip)).size, 255, 'every address')
      assert.equal(new Set(messages.map(({ scan }) => scan?.response)).size, 100, 'every response')
    }))

  test('states for each message what the decoder finds in it', () =>
    withSeed((seed) => {
      for (const { data, scan } of generate(seed, { late: 50 }, 500).messages) {
        assert.ok(scan)
        assert.deepEqual(valuesOf(accepted(data, { publishTimeMs: now * 1000 })), [
          scan.ip,
          scan.port,
          scan.service,
          scan.response,
          scan.timestamp,
        ])
      }
    }))

  for (const mixture of [
    { duplicates: 10, late: 20, poison: 1 },
    { duplicates: 20, late: 30, poison: 2 },
    { duplicates: 0, late: 100, poison: 0 },
    { duplicates: 60, late: 0, poison: 40 },
  ]) {
    test(`keeps the requested mixture: ${JSON.stringify(mixture)}`, () =>
      withSeed((seed) => {
        const count = 20_000
        const { messages, fresh } = generate(seed, mixture, count)
        const poison = messages.filter(({ scan }) => !scan).length
        const good = messages.filter(({ scan }) => scan)
        const duplicates = good.length - new Set(good).size
        assertShare(poison, count, mixture.poison / 100, 'poison')
        assertShare(duplicates, count, mixture.duplicates / 100, 'duplicates')
        // The first scans have nothing to be late for.
        assertShare(count - poison - duplicates - fresh, count, mixture.late / 100, 'late')
      }))
  }

  test('late messages are of known keys: older, of the same second, and newer', () =>
    withSeed((seed) => {
      const newest = new Map<string, number>()
      const kinds = { older: 0, same: 0, newer: 0, unknown: 0 }
      for (const { scan } of generate(seed, { late: 50 }, 3000, 1).messages) {
        assert.ok(scan)
        const known = newest.get(keyOfScan(scan))
        if (known === undefined) kinds.unknown += 1
        else if (scan.timestamp < known) kinds.older += 1
        else if (scan.timestamp === known) kinds.same += 1
        else kinds.newer += 1
        newest.set(keyOfScan(scan), Math.max(known ?? 0, scan.timestamp))
      }
      for (const [kind, times] of Object.entries(kinds)) assert.ok(times > 100, `${kind}: ${times}`)
    }))

  test('poison alternates between all kinds', () => {
    const { messages } = generate(1, { poison: 100 }, poisons.length + 1)
    const expected = [...poisons, ...poisons.slice(0, 1)].map(({ data, attributes }) => ({
      data,
      ...(attributes ? { attributes } : {}),
    }))
    assert.deepEqual(messages, expected)
  })
})

describe('random numbers', () => {
  test('are the same on every machine', () => {
    const random = new Random(1)
    assert.deepEqual([random.next(), random.next()], [0.6270739405881613, 0.002735721180215478])
  })

  test('stay within their bounds and reach all values', () =>
    withSeed((seed) => {
      const random = new Random(seed)
      const seen = new Set<number>()
      for (let i = 0; i < 10_000; i++) {
        const next = random.next()
        assert.ok(next >= 0 && next < 1)
        seen.add(random.below(10))
      }
      assert.deepEqual(seen, new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
      assert.deepEqual(
        new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b']))),
        new Set(['a', 'b']),
      )
    }))
})
