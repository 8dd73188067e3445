import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { serverProcesses } from '#stack/processes.ts'
import { startIngesterProgram } from '../support/program.ts'
import { publishMixture } from '../support/publish.ts'
import { showSeed } from '../support/seed.ts'
import { metric, startSystem, until } from '../support/system.ts'

const plain = { duplicates: 20, late: 30, poison: 0 }

test('Ctrl-C on the demo settles what is in flight and leaves no process', async (t) => {
  await using demo = startIngesterProgram(['demo', '--rate', '2000', '--seed', String(showSeed(t))])
  const [, url] = await demo.said(/(http:\/\/[\d.:]+)\/metrics/)
  await until(
    () => metric(url as string, 'ingester_messages_settled_total{reason="written"'),
    (n) => n > 1000,
  )
  const family = await serverProcesses(demo.pid)
  assert.ok(family.length > 3, 'PostgreSQL, Redis and the emulator are its children')

  demo.signalGroup('SIGINT')
  await expect(demo).toEndWith(0)
  assert.match(demo.stderr(), /stopping: draining in-flight messages/)
  const [, outstanding] = /outstanding +(\d+)/.exec(demo.stderr()) ?? []
  const [, nacked] = /nacked +(\d+)/.exec(demo.stderr()) ?? []
  assert.deepEqual([outstanding, nacked], ['0', '0'])
  assert.doesNotMatch(demo.stderr(), /ERROR|WARN: (?!messages were dead-lettered)/)
  // Zombies do not count: who reaps them is the machine's business.
  const alive = async () => (await Promise.all(family.map(serverProcesses))).flat()
  await until(alive, (pids) => pids.length === 0, 2000)
})

test('SIGTERM: a graceful shutdown writes and acks what is in flight, and exits with 0', async (t) => {
  await using system = await startSystem({ INGESTER_FLUSH_INTERVAL: '60s', INGESTER_MAX_BATCH_SIZE: '50000' })
  const { oracle } = await publishMixture(system, 3000, showSeed(t), plain)
  await using ingester = startIngesterProgram(['run'], { env: system.env })
  const [, url] = await ingester.said(/"admin":"(http[^"]+)"/)
  // Nothing is due for a minute: all of it is in flight.
  await until(
    () => metric(url as string, 'ingester_messages_outstanding'),
    (n) => n === 3000,
  )

  ingester.signal('SIGTERM')
  await expect(ingester).toEndWith(0)
  assert.match(
    ingester.stderr(),
    /"outstanding":3000,"msg":"stopping: draining in-flight messages for up to 25s/,
  )
  for (const line of ingester.stderr().trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line)
  assert.deepEqual(oracle.differences(await system.scans()), [])
})

test('a second signal nacks what is in flight and exits with 5; the next ingester receives it', async (t) => {
  await using system = await startSystem()
  const { oracle } = await publishMixture(system, 3000, showSeed(t), plain)
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  await using first = startIngesterProgram(['run'], { env: system.env })
  const [, url] = await first.said(/"admin":"(http[^"]+)"/)
  await until(
    () => metric(url as string, 'ingester_messages_outstanding'),
    (n) => n === 3000,
  )

  first.signal('SIGINT')
  await first.said(/press Ctrl-C again to force exit/)
  first.signal('SIGINT')
  const beganMs = performance.now()
  await expect(first).toEndWith(5)
  assert.ok(performance.now() - beganMs < 10_000, 'the statement that waits for the lock is not waited for')
  assert.match(first.stderr(), /"nacked":3000/)
  await system.sql.query('COMMIT')

  await using second = startIngesterProgram(['run'], { env: system.env })
  const [, secondUrl] = await second.said(/"admin":"(http[^"]+)"/)
  await until(
    () => metric(secondUrl as string, 'ingester_messages_received_total'),
    (n) => n === 3000,
  )
  await until(
    async () => oracle.differences(await system.scans()).length,
    (n) => n === 0,
  )
  second.signal('SIGTERM')
  await expect(second).toEndWith(0)
})

test('a graceful shutdown that exceeds INGESTER_SHUTDOWN_TIMEOUT becomes a forced one', async (t) => {
  await using system = await startSystem({ INGESTER_SHUTDOWN_TIMEOUT: '1s' })
  await publishMixture(system, 100, showSeed(t), plain)
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  await using ingester = startIngesterProgram(['run'], { env: system.env })
  const [, url] = await ingester.said(/"admin":"(http[^"]+)"/)
  await until(
    () => metric(url as string, 'ingester_messages_outstanding'),
    (n) => n === 100,
  )
  ingester.signal('SIGTERM')
  await expect(ingester).toEndWith(5)
})
