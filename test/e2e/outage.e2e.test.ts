import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import type { Delivery } from '#core/delivery.ts'
import { noLogger } from '#core/logger.ts'
import { startIngester } from '#app/ingester.ts'
import { scans } from '#pipeline/scans.ts'
import { runScanner } from '#demo/scans/scanner.ts'
import { Oracle } from '#demo/scans/oracle.ts'
import { Tally } from '#demo/tally.ts'
import { observers } from '#core/observer.ts'
import { serverProcesses } from '#stack/processes.ts'
import { publishMixture } from '../support/publish.ts'
import { startIngesterProgram } from '../support/program.ts'
import { showSeed } from '../support/seed.ts'
import { signalEach } from '../support/signal-each.ts'
import { createSubscription, metric, projectId, startSystem, topicId, until } from '../support/system.ts'

const frozenSeconds = Number(process.env['TEST_FROZEN_SECONDS'] ?? 15)
const bound = 5000
const rate = 1000

test(`PostgreSQL frozen for ${frozenSeconds} s under load: nothing nacked, dead-lettered or lost, attempts stay at 1, memory is bounded`, {
  timeout: 300_000,
  concurrent: true,
}, async (t) => {
  await using system = await startSystem({
    INGESTER_POSTGRES_STATEMENT_TIMEOUT: '2s',
    INGESTER_MAX_OUTSTANDING_MESSAGES: String(bound),
  })
  let attempts = 0
  let mostOutstanding = 0
  const held: string[] = []
  const watch = {
    received: (deliveries: readonly Delivery[]) => {
      for (const { deliveryAttempt } of deliveries) attempts = Math.max(attempts, deliveryAttempt)
      mostOutstanding = Math.max(mostOutstanding, ingester.outstanding)
    },
    held: (reason: string | undefined) => void (reason && held.push(reason)),
  }
  const tally = new Tally(() => ingester.outstanding)
  await using ingester = await startIngester(system.config, [scans], noLogger, {
    observer: observers(tally.observer, watch),
  })
  // Memory is that of a process which does nothing else; it gets the same messages.
  await createSubscription(system.clients, system.topic, 'watched-sub')
  const env = { ...system.env, INGESTER_SUBSCRIPTIONID: 'watched-sub' }
  await using watched = startIngesterProgram(['run'], { env })
  const [, watchedUrl = ''] = await watched.said(/"admin":"(http[^"]+)"/)

  const oracle = new Oracle()
  const done = new AbortController()
  const scanning = runScanner({
    projectId,
    topicId,
    emulatorHost: system.config.pubsub.emulatorHost,
    rate,
    seed: showSeed(t),
    duplicates: 20,
    late: 30,
    poison: 0,
    signal: done.signal,
    published: (messages) => messages.forEach(({ scan }) => scan && oracle.published(scan)),
  })
  await until(
    async () => tally.settled.written,
    (written) => written > 1000,
  )

  const server = await serverProcesses(system.postgres.pid)
  signalEach(server, 'SIGSTOP')
  const thaw = () => signalEach(server.splice(0), 'SIGCONT')
  // Also where something below fails: nothing can be ended while the database is frozen.
  using _ = { [Symbol.dispose]: thaw }
  const thawed = frozenFor(frozenSeconds)
  // What the source asks for at most is there long before the end; what memory is used by then is all that may be used.
  await until(
    () => metric(watchedUrl, 'ingester_messages_outstanding'),
    (outstanding) => outstanding >= bound * 0.8,
  )
  const memoryWhenFull = await metric(watchedUrl, 'process_resident_memory_bytes')
  await thawed
  const memoryAtTheEnd = await metric(watchedUrl, 'process_resident_memory_bytes')
  const readiness = await fetch(`${ingester.adminUrl}/readyz`)
  thaw()

  assert.equal(readiness.status, 503)
  assert.match(await readiness.text(), /scan_results/)
  done.abort()
  const published = await scanning
  await tally.drained(published)
  await ingester.stop()
  watched.signal('SIGTERM')
  await expect(watched).toEndWith(0)

  const growthMiB = (memoryAtTheEnd - memoryWhenFull) / 2 ** 20
  void t.annotate(
    `${published} published, at most ${mostOutstanding} outstanding, memory +${growthMiB.toFixed(0)} MiB`,
  )
  assert.deepEqual(oracle.differences(await system.scans()), [])
  assert.equal(tally.settled.nacked, 0)
  assert.equal(tally.settled['dead-lettered'], 0)
  assert.ok(held.length > 0, 'it never held')
  assert.ok(mostOutstanding <= bound, `${mostOutstanding} outstanding`)
  assert.equal(attempts, 1)
  assert.ok(growthMiB < 25, `memory grew by ${growthMiB} MiB while nothing could be taken`)
})

test('with default settings, too, an unresponsive database makes it not ready within seconds', {
  concurrent: true,
}, async (t) => {
  await using system = await startSystem()
  await using run = startIngesterProgram(['run'], { env: system.env })
  const [, url = ''] = await run.said(/"admin":"(http[^"]+)"/)
  const readiness = async () => (await fetch(`${url}/readyz`)).text()
  await until(readiness, (text) => text.includes('"ready"'))
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  await publishMixture(system, 100, showSeed(t), { duplicates: 0, late: 0, poison: 0 })
  await until(readiness, (text) => /the oldest delivery has been unsettled for \d+ s/.test(text), 20_000)
  await system.sql.query('COMMIT')
  await until(readiness, (text) => text.includes('"ready"'))
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)
})

/** An outage has a length: this is the one place where a test waits for time. */
function frozenFor(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}
