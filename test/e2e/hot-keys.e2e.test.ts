// Replicas that write the same keys at the same time: what claims are for. How much they spare here depends on what else
// the machine does (with claims 62% to 109% of the rows that are offered without); test/cache/hot-keys.redis.test.ts
// decides it.
import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { Oracle } from '#demo/scans/oracle.ts'
import { Random } from '#demo/random.ts'
import type { Scan } from '#demo/scans/scan.ts'
import { encodeScan } from '#demo/scans/scan.ts'
import { publish } from '#pubsub/publisher.ts'
import type { Program } from '../support/program.ts'
import { startIngesterProgram } from '../support/program.ts'
import { showSeed } from '../support/seed.ts'
import type { TestSystem } from '../support/system.ts'
import { metric, startSystem, until } from '../support/system.ts'

const messages = Number(process.env['TEST_MESSAGES'] ?? 6000)
const replicas = 3
const hotKeys = 100

interface Replica {
  readonly program: Program
  readonly url: string
}

describe('three replicas, 100 hot keys, every message twice, some replicas killed with -9', {
  timeout: 170_000,
}, () => {
  for (const [claims, kills] of [
    ['true', 2],
    ['false', 1],
  ] as const) {
    test(`converge with INGESTER_REDIS_CLAIMS=${claims}`, async (t) => {
      await using system = await startSystem({
        INGESTER_REDIS_CLAIMS: claims,
        INGESTER_FLUSH_INTERVAL: '0',
      })
      await countOffered(system)
      const running = await Promise.all(Array.from({ length: replicas }, () => startReplica(system)))
      await using _ = { [Symbol.asyncDispose]: () => endAll(running) }

      const random = new Random(showSeed(t))
      const hot = new HotKeys(system, random)
      for (let killed = 0; killed < kills; killed += 1) {
        await hot.publishUpTo(((killed + 1) * messages) / (kills + 1))
        await killOne(system, running, random.below(running.length), hot)
        running.push(await startReplica(system))
      }
      await hot.publishUpTo(messages)
      await until(
        async () => hot.oracle.differences(await system.scans()).length,
        (differences) => differences === 0,
      )
      await until(
        () => heldBy(running),
        (held) => held === 0,
      )
      const { rows } = await system.sql.query<{ count: number }>(
        `SELECT last_value::integer AS count FROM offered`,
      )
      const offered = rows[0]?.count ?? 0
      void t.annotate(`${hot.published} messages, ${offered} rows offered to PostgreSQL`)
      assert.ok(offered < hot.published)
    })
  }
})

/** PostgreSQL counts by itself: a sequence keeps what is rolled back, too. Each statement takes 20 ms, as of a busy one. */
async function countOffered({ sql }: TestSystem): Promise<void> {
  await sql.query(`
    CREATE SEQUENCE offered;
    CREATE FUNCTION count_offered() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('offered'); RETURN NEW; END $$;
    CREATE TRIGGER offered BEFORE INSERT ON scan_results FOR EACH ROW EXECUTE FUNCTION count_offered();
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$;
    CREATE TRIGGER linger AFTER INSERT ON scan_results FOR EACH STATEMENT EXECUTE FUNCTION linger()`)
}

async function startReplica(system: TestSystem): Promise<Replica> {
  const program = startIngesterProgram(['run'], { env: system.env })
  const [, url = ''] = await program.said(/"admin":"(http[^"]+)"/)
  return { program, url }
}

/** Publishes scans of the hot keys, and knows what the table must hold then. */
class HotKeys {
  readonly oracle = new Oracle()
  published = 0
  readonly #system: TestSystem
  readonly #random: Random

  constructor(system: TestSystem, random: Random) {
    this.#system = system
    this.#random = random
  }

  async publishUpTo(count: number): Promise<void> {
    while (this.published < count) await this.publishRound()
  }

  /** Each scan twice, one right after the other, so that the two come to different replicas at about the same time. */
  async publishRound(): Promise<void> {
    const { clients, topic } = this.#system
    const scans = Array.from({ length: hotKeys }, (_, key) => hotScan(this.#random, key, this.published))
    const outgoing = scans.map((scan) => ({ data: encodeScan(scan, 2) }))
    await publish(clients, topic, outgoing)
    await publish(clients, topic, outgoing)
    scans.forEach((scan) => this.oracle.published(scan))
    this.published += 2 * hotKeys
  }
}

/** Mostly newer than the one before: old ones alone would soon all be stale. */
function hotScan(random: Random, key: number, index: number): Scan {
  return {
    ip: `10.0.0.${key}`,
    port: 443,
    service: 'HTTP',
    timestamp: 1_700_000_000 + index + random.below(10 * hotKeys),
    response: `answer ${random.below(5)}`,
  }
}

/** Kills one that holds deliveries: a lock makes every write wait until it is gone. */
async function killOne(system: TestSystem, running: Replica[], index: number, hot: HotKeys): Promise<void> {
  const { program, url } = running[index] as Replica
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  await until(
    async () => {
      await hot.publishRound()
      return metric(url, 'ingester_messages_outstanding')
    },
    (held) => held > 0,
  )
  program.signal('SIGKILL')
  await expect(program).toEndWith('SIGKILL')
  running.splice(index, 1)
  await system.sql.query('COMMIT')
}

async function heldBy(running: readonly Replica[]): Promise<number> {
  const held = await Promise.all(running.map(({ url }) => metric(url, 'ingester_messages_outstanding')))
  return held.reduce((sum, one) => sum + one, 0)
}

async function endAll(running: readonly Replica[]): Promise<void> {
  for (const { program } of running) program.signal('SIGTERM')
  for (const { program } of running) await expect(program).toEndWith(0)
}
