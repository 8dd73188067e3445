// Several replicas that get the same keys at the same time, and of which some vanish.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Random } from '#demo/random.ts'
import { until } from '../support/postgres.ts'
import type { Replica } from '../support/replica.ts'
import { Fleet, startStores } from '../support/fleet.ts'
import { showSeed } from '../support/seed.ts'

const { database, redis } = await startStores()

const keys = 100
const waves = 50
const wavesPerKill = 12

interface Outcome {
  readonly messages: number
  readonly kills: number
  /** Records that PostgreSQL was asked to store. */
  readonly offered: number
}

/**
 * Each wave brings a version of every key, some of them late, each twice: to two of the three replicas at the same
 * time, as it is when a broker delivers again what is still being worked on.
 */
async function run(claims: boolean, random: Random): Promise<Outcome> {
  await using fleet = await Fleet.of(database, redis)
  const options = { claims, engine: { workers: 1, flushIntervalMs: 10 } }
  const replicas = [await fleet.replica(options), await fleet.replica(options), await fleet.replica(options)]
  const all = [...replicas]
  let kills = 0
  for (let wave = 1; wave <= waves; wave += 1) {
    const shares = new Map<Replica, string[]>(replicas.map((replica) => [replica, []]))
    for (let key = 0; key < keys; key += 1) {
      const text = `k${key} ${(wave + 2) * 4 - random.below(6)} x${random.below(3)}`
      const first = random.below(3)
      for (const at of [first, (first + 1 + random.below(2)) % 3])
        shares.get(replicas[at] as Replica)?.push(text)
    }
    for (const [replica, texts] of shares) fleet.publish(texts, replica)
    if (wave % wavesPerKill === 0) {
      const at = random.below(3)
      // In the middle of whatever it is doing.
      const fallen = replicas[at] as Replica
      const sealed = fallen.tally.batches.length
      await until(async () => fallen.tally.batches.length > sealed || fallen.engine.outstanding === 0)
      fallen.kill()
      kills += 1
      replicas[at] = await fleet.replica(options)
      all.push(replicas[at])
    }
    await until(async () => fleet.broker.unacked.length < keys)
  }
  await fleet.settled(30_000)
  await fleet.assertConverged()
  assert.deepEqual(await fleet.deadLettered(), [])
  return {
    messages: fleet.broker.messages.length,
    kills,
    offered: all.reduce((sum, { tally }) => sum + tally.offered, 0),
  }
}

test('three replicas, some of which vanish: the table converges, and claims save PostgreSQL work', async (t) => {
  const seed = showSeed(t)
  const without = await run(false, new Random(seed))
  const withClaims = await run(true, new Random(seed))
  for (const [name, { messages, kills, offered }] of Object.entries({ without, withClaims })) {
    void t.annotate(
      `${name}: ${messages} messages, ${kills} replicas killed, ${offered} records offered to PostgreSQL`,
    )
  }
  assert.equal(withClaims.messages, 2 * keys * waves)
  assert.ok(withClaims.offered < without.offered * 0.9)
})
