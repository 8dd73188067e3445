import assert from 'node:assert/strict'
import { test } from 'vitest'
import { startIngester } from '#app/ingester.ts'
import { scans } from '#pipeline/scans.ts'
import { noLogger } from '#core/logger.ts'
import type { Scan } from '#demo/scans/scan.ts'
import { Tally } from '#demo/tally.ts'
import { publishScans } from '../support/publish.ts'
import { startSystem } from '../support/system.ts'

const base = { ip: '1.1.1.7', service: 'HTTP' }
const older = { timestamp: 1_700_000_000, response: 'z: older, though greater as text' }
const newer = { timestamp: 1_700_000_001, response: 'a: newer' }
/** U+FF5E sorts before U+1F600 in UTF-8, after it in UTF-16. */
const lesser = { timestamp: 1_700_000_000, response: '\uFF5E' }
const greater = { timestamp: 1_700_000_000, response: '\u{1F600}' }

const cases: readonly (readonly [
  name: string,
  first: Partial<Scan>,
  second: Partial<Scan>,
  kept: Partial<Scan>,
])[] = [
  ['newer after older', older, newer, newer],
  ['older after newer', newer, older, newer],
  ['equal times, the greater response last', lesser, greater, greater],
  ['equal times, the greater response first', greater, lesser, greater],
]

const scanOf = (port: number, part: Partial<Scan>) => ({ ...base, port, ...part }) as Scan

for (const [how, apart] of [
  ['in one batch', false],
  ['in batches of their own', true],
] as const) {
  test(`every order of arrival ends in the same row, ${how}`, async () => {
    await using system = await startSystem({ INGESTER_FLUSH_INTERVAL: apart ? '0' : '2s' })
    const tally = new Tally(() => ingester.outstanding)
    await using ingester = await startIngester(system.config, [scans], noLogger, { observer: tally.observer })

    await publishScans(
      system,
      cases.map(([, first], port) => scanOf(port, first)),
    )
    if (apart) await tally.drained(cases.length)
    await publishScans(
      system,
      cases.map(([, , second], port) => scanOf(port, second)),
    )
    await tally.drained(2 * cases.length)
    await ingester.stop()

    assert.equal(tally.settled.coalesced, apart ? 0 : cases.length)
    const rows = new Map((await system.scans()).map((scan) => [scan.port, scan]))
    for (const [port, [name, , , kept]] of cases.entries()) {
      assert.deepEqual(rows.get(port), scanOf(port, kept), name)
    }
  })
}
