import assert from 'node:assert/strict'
import { startIngester } from '#app/ingester.ts'
import { configOf } from '#config/config.ts'
import { noLogger } from '#core/logger.ts'
import { scans } from '#pipeline/scans.ts'
import { systemClock } from '#runtime/clock.ts'
import type { ReadinessReport } from '#telemetry/readiness.ts'
import { publishMixture } from './publish.ts'
import type { TestSystem } from './system.ts'
import { metric, until } from './system.ts'
import { wordPipeline } from './word-pipeline.ts'

/** The table of the words, in a system's database, and where they are published. */
export async function prepareWords({ sql, clients }: TestSystem): Promise<void> {
  await sql.query('CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL, content text NOT NULL)')
  const topic = 'projects/test-project/topics/words'
  await clients.publisher.createTopic({ name: topic })
  await clients.subscriber.createSubscription({
    name: 'projects/test-project/subscriptions/words',
    topic,
    ackDeadlineSeconds: 10,
  })
}

export async function publishWords({ clients }: TestSystem, ...texts: readonly string[]): Promise<void> {
  const messages = texts.map((text) => ({ data: Buffer.from(text) }))
  await clients.publisher.publish({ topic: 'projects/test-project/topics/words', messages })
}

export async function readinessAt(adminUrl: string, query = ''): Promise<ReadinessReport> {
  return (await (await fetch(`${adminUrl}/readyz${query}`)).json()) as ReadinessReport
}

/**
 * Two pipelines in one process, with no more connections than they have workers. The table of one is locked for so long,
 * while messages come for both: the other's take no longer than without the lock, and nothing is dead-lettered.
 *
 * @returns the median from publishing a word to its row, without the lock and beside it
 */
export async function oneTableLocked(
  system: TestSystem,
  seconds: number,
  seed: number,
): Promise<{ readonly beforeMs: number; readonly besideMs: number }> {
  await prepareWords(system)
  const { config } = configOf({
    ...system.env,
    INGESTER_PIPELINES: 'scans,words',
    INGESTER_WORKER_COUNT: '2',
    INGESTER_POSTGRES_POOL_SIZE: '4',
  })
  await using ingester = await startIngester(config, [scans, wordPipeline], noLogger)
  const { adminUrl: url } = ingester
  const commits = (bound: string) =>
    metric(url, `ingester_publish_to_commit_seconds_${bound},pipeline="words"}`)
  let words = 0
  const publishFor = async (ms: number) => {
    const end = systemClock.now() + ms
    const took: number[] = []
    while (systemClock.now() < end) {
      words += 1
      const began = systemClock.now()
      await publishWords(system, `word${words} 1 x`)
      await until(async () => (await countOf(system, 'words')) === words, Boolean, 10_000)
      took.push(systemClock.now() - began)
    }
    return took.toSorted((a, b) => a - b)[took.length >> 1] ?? 0
  }
  const beforeMs = await publishFor(3000)
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN ACCESS EXCLUSIVE MODE')
  // Also where the test fails: the ingester would wait for it for ever.
  await using _ = { [Symbol.asyncDispose]: async () => void (await system.sql.query('ROLLBACK')) }
  const { oracle } = await publishMixture(system, 2000, seed, { duplicates: 0, late: 20, poison: 0 })
  const stuck = await until(
    () => readinessAt(url),
    ({ pipelines }) => pipelines['scans']?.status === 'not ready',
    30_000,
  )
  assert.match(stuck.reasons.join(), /^scans: the oldest delivery has been unsettled for \d+ s/)
  assert.deepEqual(stuck.pipelines['words'], { status: 'ready', reasons: [] })
  assert.equal((await fetch(`${url}/readyz?any`)).status, 200)
  const besideMs = await publishFor(seconds * 1000)
  await system.sql.query('COMMIT')
  await until(
    () => metric(url, 'ingester_messages_outstanding{pipeline="scans"}'),
    (left) => left === 0,
  )
  const all = await metric(url, 'ingester_publish_to_commit_seconds_count{pipeline="words"}')
  assert.equal(await commits('bucket{le="1"'), all, 'no batch of words took longer than a second')
  assert.equal(await countOf(system, 'words'), words)
  assert.equal(await countOf(system, 'scan_results'), oracle.keys)
  assert.equal(await countOf(system, 'dead_letters'), 0)
  // Its epoch is read again soon.
  await until(
    () => readinessAt(url),
    ({ status }) => status === 'ready',
  )
  assert.ok(besideMs < 2 * beforeMs + 50, `${besideMs} ms beside it, ${beforeMs} ms before`)
  return { beforeMs, besideMs }
}

/** On a connection of its own would be fairer, but the lock is the test's. */
async function countOf({ sql }: TestSystem, table: string): Promise<number> {
  const { rows } = await sql.query(`SELECT count(*)::integer AS count FROM ${table}`)
  return rows[0].count
}
