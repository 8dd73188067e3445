// Replicas that write the same keys at the same time: what claims are for.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Oracle } from '#demo/oracle.ts'
import { Random } from '#demo/random.ts'
import type { Scan } from '#demo/scan.ts'
import { encodeScan } from '#demo/scan.ts'
import { publish } from '#pubsub/publisher.ts'
import type { Program } from '../support/program.ts'
import { startIngesterProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { metric, startSystem, until, withoutEmulator } from '../support/system.ts'

const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 32)
const messages = Number(process.env['TEST_MESSAGES'] ?? 20_000)
const replicas = 3
const kills = 2
const hotKeys = 100

interface Replica {
  readonly program: Program
  readonly url: string
}

describe('three replicas, 100 hot keys, every message twice, some replicas killed with -9', {
  skip: withoutEmulator,
  timeout: 170_000,
}, () => {
  const offered: Record<string, number> = {}

  for (const claims of ['true', 'false']) {
    test(`converge with INGESTER_REDIS_CLAIMS=${claims}`, async (t) => {
      t.diagnostic(`TEST_SEED=${seed} TEST_MESSAGES=${messages}`)
      await using system = await startSystem({
        INGESTER_REDIS_CLAIMS: claims,
        INGESTER_FLUSH_INTERVAL: '0',
      })
      await countOffered(system)
      const running = await Promise.all(Array.from({ length: replicas }, () => startReplica(system)))
      await using _ = { [Symbol.asyncDispose]: () => endAll(running) }

      const random = new Random(seed)
      const publishing = publishHot(system, random)
      for (let i = 0; i < kills; i++) running.push(await killOne(system, running, random))
      const oracle = await publishing
      await until(
        async () => oracle.differences(await system.scans()).length,
        (differences) => differences === 0,
        120_000,
      )
      await until(
        () => heldBy(running),
        (held) => held === 0,
        120_000,
      )
      const { rows } = await system.sql.query<{ count: number }>(
        `SELECT last_value::integer AS count FROM offered`,
      )
      offered[claims] = rows[0]?.count ?? 0
      t.diagnostic(`${messages} messages, ${offered[claims]} rows offered to PostgreSQL`)
      assert.ok(offered[claims] < messages)
    })
  }

  test('with claims fewer rows are offered to PostgreSQL than without', (t) => {
    const { true: withClaims = 0, false: without = 0 } = offered
    t.diagnostic(`${withClaims} against ${without}: ${((100 * withClaims) / without).toFixed()}%`)
    assert.ok(withClaims < without, JSON.stringify(offered))
  })
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

/** Each scan twice, one right after the other, so that the two come to different replicas at about the same time. */
async function publishHot(system: TestSystem, random: Random): Promise<Oracle> {
  const oracle = new Oracle()
  for (let done = 0; done < messages; done += 2 * hotKeys) {
    const scans = Array.from({ length: hotKeys }, (_, key) => hotScan(random, key, done))
    const outgoing = scans.map((scan) => ({ data: encodeScan(scan, 2) }))
    await publish(system.clients, system.topic, outgoing)
    await publish(system.clients, system.topic, outgoing)
    scans.forEach((scan) => oracle.published(scan))
  }
  return oracle
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

/** Kills one that holds deliveries: a lock makes every write wait until it is gone. Returns its replacement. */
async function killOne(system: TestSystem, running: Replica[], random: Random): Promise<Replica> {
  const [victim] = running.splice(random.below(running.length), 1)
  assert.ok(victim)
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  await until(
    () => metric(victim.url, 'ingester_messages_outstanding'),
    (held) => held > 0,
  )
  victim.program.signal('SIGKILL')
  assert.equal(await victim.program.ended, 'SIGKILL')
  await system.sql.query('COMMIT')
  return startReplica(system)
}

async function heldBy(running: readonly Replica[]): Promise<number> {
  const held = await Promise.all(running.map(({ url }) => metric(url, 'ingester_messages_outstanding')))
  return held.reduce((sum, one) => sum + one, 0)
}

async function endAll(running: readonly Replica[]): Promise<void> {
  for (const { program } of running) program.signal('SIGTERM')
  for (const { program } of running) assert.equal(await program.ended, 0, program.stderr())
}
