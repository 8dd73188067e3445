import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Oracle } from './oracle.ts'
import type { Evidence } from './verdict.ts'
import { differencesIn } from './verdict.ts'

const scan = { ip: '1.1.1.7', port: 443, service: 'HTTP', timestamp: 1_700_000_000, response: 'hello' }

function evidence(change: Partial<Evidence> = {}): Evidence {
  const oracle = new Oracle()
  oracle.published(scan)
  const right = {
    oracle,
    found: { rows: [scan], deadLetters: 1 },
    poison: 1,
  }
  return { ...right, ...change }
}

test('a correct table passes', () => assert.deepEqual(differencesIn(evidence()), []))

for (const [what, change, expected] of [
  ['a row that is missing', { found: { rows: [], deadLetters: 1 } }, /is missing/],
  [
    'a valid message among the dead letters',
    { found: { rows: [scan], deadLetters: 2 } },
    /1 messages could not be stored, but there are 2/,
  ],
  [
    'a poison message that was not dead-lettered',
    { found: { rows: [scan], deadLetters: 0 } },
    /but there are 0 dead letters/,
  ],
] as const) {
  test(`${what} fails it`, () => {
    const [difference, ...more] = differencesIn(evidence(change))
    assert.match(difference ?? '', expected)
    assert.deepEqual(more, [])
  })
}
