import assert from 'node:assert/strict'
import { test } from 'vitest'
import { startIngester } from '#app/ingester.ts'
import { scans } from '#pipeline/scans.ts'
import { noLogger } from '#core/logger.ts'
import type { Poison } from '#demo/scans/poison.ts'
import { poisons } from '#demo/scans/poison.ts'
import type { Scan } from '#demo/scans/scan.ts'
import { encodeScan } from '#demo/scans/scan.ts'
import { Tally } from '#demo/tally.ts'
import { publish } from '#pubsub/publisher.ts'
import { startSystem } from '../support/system.ts'

const maxMessageBytes = 2 * 2 ** 20
const base = { ip: '1.1.1.7', port: 443, service: 'HTTP', timestamp: 1_700_000_000, response: 'hello world' }
const good = encodeScan(base, 2)

/** Of the list in src/demo/poison.ts, what needs this system's limits or a whole message around it. */
const more: readonly Poison[] = [
  { kind: 'over the size limit', reason: 'too-large', data: Buffer.alloc(maxMessageBytes + 1, ' ') },
  { kind: 'NUL in an attribute', reason: 'bad-attribute', data: good, attributes: { 'trace\0id': 'a\0b' } },
]

const accepted: readonly (readonly [kind: string, Scan, data?: Buffer])[] = [
  ['port 0', { ...base, port: 0 }],
  ['port 65535', { ...base, port: 65_535 }],
  ['timestamp 0', { ...base, port: 1, timestamp: 0 }],
  ['empty response', { ...base, port: 2, response: '' }],
  ['a response of 1 MB', { ...base, port: 3, response: 'x'.repeat(1_000_000) }],
  ['a byte order mark', { ...base, port: 4, response: '\uFEFFhello' }],
  [
    'the canonical form of ::1',
    { ...base, ip: '::1', port: 5 },
    encodeScan({ ...base, ip: '0:0:0:0:0:0:0:1', port: 5 }, 1),
  ],
  ['unknown fields', { ...base, port: 6 }, withExtra({ ...base, port: 6 })],
]

function withExtra(scan: Scan): Buffer {
  return Buffer.from(JSON.stringify({ ...JSON.parse(String(encodeScan(scan, 1))), seen_by: { name: 'x' } }))
}

test('every kind of bad message is dead-lettered with its reason and acked; its neighbours are stored', async () => {
  // One batch takes all: a long interval and one lane.
  await using system = await startSystem({
    INGESTER_FLUSH_INTERVAL: '1s',
    INGESTER_WORKER_COUNT: '1',
    INGESTER_MAX_MESSAGE_BYTES: String(maxMessageBytes),
  })
  const bad = [...poisons, ...more]
  const neighbours = bad.map((_, i) => ({ ...base, ip: '2.2.2.2', port: i }))
  const messages = [
    ...bad.flatMap((poison, i) => [poison, { data: encodeScan(neighbours[i] as Scan, 1) }]),
    ...accepted.map(([, scan, data]) => ({
      data: data ?? encodeScan(scan, 2),
      attributes: { source: 'test' },
    })),
  ]
  const ids = await publish(system.clients, system.topic, messages)

  const tally = new Tally(() => ingester.outstanding)
  await using ingester = await startIngester(system.config, [scans], noLogger, { observer: tally.observer })
  await tally.drained(messages.length)
  await ingester.stop()

  const { rows } = await system.sql.query(
    'SELECT message_id, reason, detail, data, attributes FROM dead_letters',
  )
  const letters = new Map(rows.map((row) => [row.message_id, row]))
  assert.deepEqual(
    bad.map(({ kind }, i) => [kind, letters.get(ids[i * 2])?.reason]),
    bad.map(({ kind, reason }) => [kind, reason]),
  )
  for (const { kind, data } of poisons) {
    const letter = letters.get(ids[bad.findIndex((one) => one.kind === kind) * 2])
    assert.ok(letter.data.equals(data), `${kind}: the data is kept`)
  }
  assert.equal(letters.size, bad.length)
  assert.deepEqual(letters.get(ids[(bad.length - 1) * 2]).attributes, { 'trace\\u0000id': 'a\\u0000b' })

  const key = (scan: Scan) => `${scan.ip} ${scan.port}`
  const expected = [...neighbours, ...accepted.map(([, scan]) => scan)]
  assert.deepEqual(
    new Map((await system.scans()).map((scan) => [key(scan), scan])),
    new Map(expected.map((scan) => [key(scan), scan])),
  )

  assert.equal(tally.settled['dead-lettered'], bad.length)
  assert.equal(tally.settled.nacked, 0)
  await assertNothingLeft(system)
})

/** A second ingester with the same names gets nothing: all was acked. */
async function assertNothingLeft(system: Awaited<ReturnType<typeof startSystem>>): Promise<void> {
  const marker = { ...base, ip: '9.9.9.9' }
  await publish(system.clients, system.topic, [{ data: encodeScan(marker, 2) }])
  const tally = new Tally(() => ingester.outstanding)
  await using ingester = await startIngester(system.config, [scans], noLogger, { observer: tally.observer })
  await tally.drained(1)
  await ingester.stop()
  assert.equal(tally.received, 1)
}
