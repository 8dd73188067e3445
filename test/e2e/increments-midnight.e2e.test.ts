// Increments on both sides of midnight (UTC), by a clock that the broker and the gateways share: identities are kept by the
// day of publishing, and what makes a request the same must not depend on the day.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { startIngester } from '#app/ingester.ts'
import { configOf } from '#config/config.ts'
import { noLogger } from '#core/logger.ts'
import { IncrementClient } from '#demo/increments/increment-client.ts'
import { readSums } from '#demo/increments/sums.ts'
import { Random } from '#demo/random.ts'
import { startEmulator } from '#emulator/emulator.ts'
import { startHttpGateway } from '#gateway/http-gateway.ts'
import { ensureSubscription } from '#pubsub/admin.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { PublishQueue } from '#pubsub/publish-queue.ts'
import { subscriptionName, topicName } from '#pubsub/resource-names.ts'
import { systemClock } from '#runtime/clock.ts'
import { PlannedRequests } from '#demo/increments/planned-requests.ts'
import type { RequestRecord } from '#demo/increments/request-ledger.ts'
import { RequestLedger } from '#demo/increments/request-ledger.ts'
import { brokenPromises } from '#demo/increments/verdict.ts'
import { systems } from '#systems/registry.ts'
import { freshDatabase, postgresEnvironment, startTestServer, until } from '../support/postgres.ts'
import { seed, showSeed } from '../support/seed.ts'

const server = await startTestServer()
const projectId = 'test-project'
const dayMs = 86_400_000
const { doors, pipeline } = systems.get('increments') ?? assert.fail('there is no such system')

/** Everything in this process. Its time is shortly before the next midnight. */
async function start() {
  await using starting = new AsyncDisposableStack()
  const midnightMs = Math.ceil(Date.now() / dayMs) * dayMs
  let aheadMs = midnightMs - 5000 - Date.now()
  const unixMs = () => Date.now() + aheadMs
  const emulator = starting.use(
    await startEmulator({
      port: 0,
      clock: {
        now: () => performance.now(),
        unixMs,
        after: (ms, fn) => {
          const timer = setTimeout(fn, ms)
          return () => clearTimeout(timer)
        },
      },
    }),
  )
  const database = starting.use(await freshDatabase(server))
  const { config } = configOf({
    ...postgresEnvironment(database.options),
    PUBSUB_EMULATOR_HOST: emulator.emulatorHost,
    INGESTER_PROJECTID: projectId,
    INGESTER_PIPELINE: 'increments',
    INGESTER_REDIS_ENABLED: 'false',
    INGESTER_HTTP_PORT: '0',
    INGESTER_ACK_DEADLINE: '10s',
  })
  for (let replica = 0; replica < 2; replica++)
    starting.use(await startIngester(config, [pipeline], noLogger))
  const clients = starting.adopt(await connectPubsub(config.pubsub), (opened) => opened.close())
  await ensureSubscription(clients, pipeline.source, 10)
  const urls: string[] = []
  for (let gateway = 0; gateway < 2; gateway++) {
    const queue = starting.adopt(new PublishQueue({ clients, logger: noLogger }), (opened) => opened.close(0))
    const { url } = starting.use(
      await startHttpGateway({
        host: '127.0.0.1',
        port: 0,
        version: 'test',
        doors,
        topicName: (topicId) => topicName(projectId, topicId),
        publishing: queue,
        isReady: () => true,
        logger: noLogger,
        accessLog: false,
        clock: { ...systemClock, unixMs },
      }),
    )
    urls.push(url)
  }
  const never = new AbortController().signal
  const options = { urls, timeoutMs: 10_000, retryForMs: 20_000, stopping: never, forceStop: never }
  const client = starting.use(new IncrementClient(options))
  const all = starting.move()
  return {
    emulator,
    database,
    config,
    client,
    midnightMs,
    pass: () => {
      aheadMs = midnightMs + 1000 - Date.now()
    },
    isIdle: async () => {
      const { counts } = emulator.inspect(subscriptionName(projectId, pipeline.source.subscriptionId))
      return counts.available + counts.leased + counts.waiting === 0
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

test('requests and their repetitions on both sides of midnight count once', async (t) => {
  showSeed(t)
  await using all = await start()
  const { emulator, client } = all
  const random = new Random(seed)
  const requests = new PlannedRequests(() => random.next(), { keyed: 60, malformed: 2 })
  const ledger = new RequestLedger()
  const make = (count: number) =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const record = ledger.add(requests.next())
        await client.send(record)
        return record
      }),
    )
  const isKeyed = ({ request }: RequestRecord) => request.idempotencyKey !== undefined
  const repeat = (records: readonly RequestRecord[]) =>
    Promise.all(records.filter(isKeyed).map((record) => client.repeat(record)))
  emulator.faults.deliveries({ duplicateShare: 0.2, shuffleWindow: 50, maxDelayMs: 500 })

  const before = await make(200)
  await until(all.isIdle)
  // Published before midnight, delivered after it.
  emulator.faults.pause()
  const across = await make(200)
  await repeat(across.slice(0, 100))
  all.pass()
  await repeat(before)
  await repeat(across)
  emulator.faults.resume()
  await make(200)
  await repeat(before)
  await until(all.isIdle)

  const { confirmed, unknown, refused } = ledger.counts()
  assert.deepEqual([confirmed + refused, unknown], [600, 0])
  assert.deepEqual(brokenPromises(ledger.records, await readSums(all.config)), [])
  const keyed = ledger.records.filter((record) => isKeyed(record) && record.outcome === 'confirmed').length
  assert.deepEqual(
    await all.database.query(`
      SELECT (SELECT count(*)::int FROM applied_requests) AS requests,
        (SELECT count(*)::int FROM dead_letters) AS letters`),
    [{ requests: keyed, letters: 0 }],
  )
  const days = await all.database.query<{ day: string; count: number }>(`
    SELECT to_char(publish_time AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, count(*)::int FROM applied_messages
    GROUP BY 1 ORDER BY 1`)
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  assert.deepEqual(
    days.map(({ day }) => day),
    [dayOf(all.midnightMs - 1), dayOf(all.midnightMs)],
  )
  assert.equal(
    days.reduce((sum, { count }) => sum + count, 0),
    confirmed - keyed,
  )
})
