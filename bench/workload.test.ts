import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { accepted } from '../test/support/scan-message.ts'
import type { Kind, Version, Workload } from './workload.ts'
import { dataOf, keyFromResponse, keysOf, mix, scanOf, versionOf } from './workload.ts'

const kinds: readonly Kind[] = ['new keys', 'updates', 'stale', 'duplicates', 'hot keys', 'mixture']
const workloadOf = (kind: Kind, more: Partial<Workload> = {}): Workload => ({
  kind,
  messages: 20_000,
  warmUp: 2000,
  tableRows: kind === 'updates' || kind === 'hot keys' ? 5000 : 0,
  responseBytes: 40,
  ...more,
})

const all = (workload: Workload) =>
  Array.from({ length: workload.messages }, (_, i) => versionOf(workload, i))
const keysIn = (versions: readonly Version[]) => new Set(versions.map(({ key }) => key)).size

/** Of each message: whether its key was new, its version newer, the same or older than the newest before it. */
function fatesOf(workload: Workload) {
  const newest = new Map<number, number>()
  const fates = { first: 0, newer: 0, same: 0, older: 0 }
  for (const { key, version } of all(workload)) {
    const known = newest.get(key) ?? (key < workload.tableRows ? 0 : undefined)
    if (known === undefined) fates.first += 1
    else if (version > known) fates.newer += 1
    else if (version === known) fates.same += 1
    else fates.older += 1
    newest.set(key, Math.max(version, known ?? version))
  }
  return fates
}

describe('every workload', () => {
  for (const kind of kinds) {
    test(`${kind}: what is published is what the table is expected to have`, () => {
      const workload = workloadOf(kind)
      for (let i = 0; i < workload.messages; i += 97) {
        const version = versionOf(workload, i)
        const record = accepted(dataOf(workload, i))
        const { ip, port, service, response, timestamp } = scanOf(version, workload.responseBytes)
        assert.deepEqual(record.row, { ip, port, service, response, timestamp })
        assert.equal(keyFromResponse(response), version.key)
        assert.ok(Number.isInteger(version.key) && version.key >= 0 && version.key < keysOf(workload))
      }
    })
  }
})

describe('matches its name', () => {
  test('new keys', () => {
    assert.deepEqual(fatesOf(workloadOf('new keys')), { first: 20_000, newer: 0, same: 0, older: 0 })
  })

  test('updates: each message is newer than an existing row; all rows get their turn', () => {
    const workload = workloadOf('updates')
    assert.deepEqual(fatesOf(workload), { first: 0, newer: 20_000, same: 0, older: 0 })
    assert.ok(keysIn(all(workload)) > 4800)
  })

  test('stale: after the warm-up each message is older than what the warm-up wrote', () => {
    assert.deepEqual(fatesOf(workloadOf('stale')), { first: 2000, newer: 0, same: 0, older: 18_000 })
  })

  test('duplicates: half of them repeat earlier messages exactly', () => {
    assert.deepEqual(fatesOf(workloadOf('duplicates')), { first: 10_000, newer: 0, same: 10_000, older: 0 })
  })

  test('hot keys: a hundred keys take 90%, and each message is newer', () => {
    const workload = workloadOf('hot keys')
    assert.deepEqual(fatesOf(workload), { first: 0, newer: 20_000, same: 0, older: 0 })
    const hot = all(workload).filter(({ key }) => key < 100).length
    assert.ok(Math.abs(hot - 18_000) < 250, `${hot}`)
  })

  test('mixture: 40% new, 30% duplicates, 30% late, about half of these older', () => {
    const { first, newer, same, older } = fatesOf(workloadOf('mixture'))
    // What is repeated may have been superseded by then, and counts as older.
    assert.ok(Math.abs(first - 8000) < 300, `first ${first}`)
    assert.ok(newer > 2000 && newer < 3300, `newer ${newer}`)
    assert.ok(same > 3500 && same < 6300, `same ${same}`)
    assert.ok(older > 2700, `older ${older}`)
  })
})

test('pseudo-random numbers differ for every input', () => {
  const seen = new Set(Array.from({ length: 100_000 }, (_, i) => mix(i)))
  assert.equal(seen.size, 100_000)
})

test('a response has the requested size', () => {
  for (const bytes of [40, 1024, 65_536]) {
    for (const key of [0, 123_456]) assert.equal(scanOf({ key, version: 7 }, bytes).response.length, bytes)
  }
})
