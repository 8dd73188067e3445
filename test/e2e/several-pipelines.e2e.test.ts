// Several pipelines in one process: what happens to one of them is its own affair.
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { startIngester } from '#app/ingester.ts'
import { noLogger } from '#core/logger.ts'
import { scans } from '#pipeline/scans.ts'
import { explain } from '#connect/explain.ts'
import { oneTableLocked, prepareWords, publishWords, readinessAt } from '../support/beside-locked-table.ts'
import { publishMixture } from '../support/publish.ts'
import { showSeed } from '../support/seed.ts'
import { metric, startSystem, until } from '../support/system.ts'
import { startIngesterProgram } from '../support/program.ts'
import { within } from '../support/within.ts'
import { wordPipeline } from '../support/word-pipeline.ts'

test('the table of one is locked: the other goes on as before', { concurrent: true }, async (t) => {
  await using system = await startSystem()
  await oneTableLocked(system, 4, showSeed(t))
})

test('the subscription of one is deleted: it is looked for again, while the other goes on', {
  concurrent: true,
}, async (t) => {
  await using system = await startSystem()
  await prepareWords(system)
  await using ingester = await startIngester(system.config, [scans, wordPipeline], noLogger)
  const { adminUrl: url, outstanding } = ingester
  assert.equal(outstanding, 0)
  await publishWords(system, 'a 1 x', 'b 1 x')
  const words = async () =>
    (await system.sql.query('SELECT key FROM words ORDER BY key')).rows.map(({ key }) => key)
  await until(words, ({ length }) => length === 2)
  const subscription = 'projects/test-project/subscriptions/words'
  await system.clients.subscriber.deleteSubscription({ subscription })
  const stuck = await until(
    () => readinessAt(url),
    ({ status }) => status === 'not ready',
  )
  assert.match(stuck.reasons.join(), /^words: Pub\/Sub: .*subscriptions\/words exists and may be consumed$/)
  assert.equal(stuck.pipelines['scans']?.status, 'ready')
  const { oracle } = await publishMixture(system, 500, showSeed(t), { duplicates: 10, late: 10, poison: 0 })
  await until(
    () => system.scans(),
    (rows) => rows.length === oracle.keys,
  )
  // On an emulator it is created again.
  await until(
    () => readinessAt(url),
    ({ status }) => status === 'ready',
  )
  await publishWords(system, 'c 1 x')
  await until(words, ({ length }) => length === 3)
  assert.equal(await metric(url, 'ingester_messages_received_total{pipeline="words"}'), 3)
  assert.equal(await metric(url, 'ingester_messages_settled_total{reason="written",pipeline="words"}'), 3)
})

test('stopped while one has lost its subscription: it stops; all have lost theirs: it fails', {
  concurrent: true,
}, async () => {
  await using system = await startSystem()
  await prepareWords(system)
  const { subscriber } = system.clients
  const words = 'projects/test-project/subscriptions/words'
  {
    await using ingester = await startIngester(system.config, [scans, wordPipeline], noLogger)
    await subscriber.deleteSubscription({ subscription: words })
    await until(
      () => readinessAt(ingester.adminUrl),
      ({ status }) => status === 'not ready',
    )
    await within('its end', ingester.stop(), 10_000)
  }
  await using ingester = await startIngester(system.config, [scans, wordPipeline], noLogger)
  await Promise.all(
    [words, system.subscription].map((subscription) => subscriber.deleteSubscription({ subscription })),
  )
  const failure = await within('its failure', ingester.failed, 10_000)
  assert.match(failure.message, /^Pub\/Sub: .* exists and may be consumed$/)
})

test('a table that does not fit one of them: none starts, and the error has the statement that fixes it', {
  concurrent: true,
}, async () => {
  await using system = await startSystem()
  await prepareWords(system)
  const starting = () => startIngester(system.config, [scans, wordPipeline], noLogger)
  for (const [breaks, fix] of [
    ['ALTER TABLE words DROP CONSTRAINT words_pkey', 'ALTER TABLE words ADD UNIQUE ("key")'],
    ['ALTER TABLE words DROP COLUMN content', 'ALTER TABLE "words" ADD COLUMN "content" text'],
    [
      'ALTER TABLE words ALTER COLUMN version TYPE integer',
      'ALTER TABLE words ALTER COLUMN "version" TYPE bigint USING "version"::bigint',
    ],
    [
      'DROP TABLE words',
      'CREATE TABLE "words" ("key" text, "version" bigint, "content" text, PRIMARY KEY ("key"))',
    ],
  ] as const) {
    await system.sql.query(breaks)
    const error = await starting().catch((failure: unknown) => failure)
    assert.ok(explain(error).includes(fix), `${breaks}: ${explain(error)}`)
    await system.sql.query(fix)
    await using ingester = await starting()
    assert.deepEqual(
      ingester.pipelines.map(({ name }) => name),
      ['scans', 'words'],
    )
  }
})

test('names on the command line, in the environment, and the log line of each', {
  concurrent: true,
}, async () => {
  await using system = await startSystem()
  await using run = startIngesterProgram(['run', '--pipeline', 'scans'], {
    env: { ...system.env, INGESTER_PIPELINES: './no-such.ts,./another.ts' },
  })
  await run.said(/"pipeline":"scans","subscription":"projects\/test-project\/subscriptions\/scan-sub"/)
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)
  const variables = {
    INGESTER_PIPELINES: 'scans,./other.ts',
    INGESTER_SUBSCRIPTIONID: 'mine',
    INGESTER_POSTGRES_POOL_SIZE: '3',
    INGESTER_WORKER_COUNT: '2',
  }
  await using refused = startIngesterProgram(['run'], { env: { ...system.env, ...variables } })
  await expect(refused).toEndWith(2)
  expect(refused.stderr()).toMatch(
    /INGESTER_SUBSCRIPTIONID must not be set where INGESTER_PIPELINES or --pipeline names several/,
  )
  expect(refused.stderr()).toMatch(/POOL_SIZE must not be less than INGESTER_WORKER_COUNT for each pipeline/)
})
