// Whatever comes in whatever order through whichever replica, and whenever a confirm arrives: the same row.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { claimLeaseMs } from '#core/cache.ts'
import { until } from '../support/postgres.ts'
import type { Replica } from '../support/replica.ts'
import { Fleet, startStores } from '../support/fleet.ts'

const { database, redis } = await startStores()

const promptMs = claimLeaseMs / 2

/** The records that these offer to PostgreSQL while that happens. */
async function offeredBy(replicas: readonly Replica[], happens: () => Promise<void>): Promise<number> {
  const count = () => replicas.reduce((sum, { tally }) => sum + tally.offered, 0)
  const before = count()
  await happens()
  return count() - before
}

describe('through two replicas', { concurrent: true }, () => {
  test('equal version and content: stale, and not offered to PostgreSQL', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    fleet.publish(['k 5 x', 'l 5 \u{1F600}'], first)
    await fleet.settled()
    fleet.publish(['k 5 x', 'l 5 \u{1F600}'], second)
    await fleet.settled(promptMs)
    assert.deepEqual([second.tally.ended, second.tally.offered], [{ stale: 2 }, 0])
    await fleet.assertConverged()
  })

  for (const [one, other] of [
    ['x', 'y'],
    ['y', 'x'],
    // One way as UTF-8, the other way as UTF-16.
    ['\u{FF5E}', '\u{1F600}'],
    ['\u{1F600}', '\u{FF5E}'],
  ]) {
    test(`equal version, ${one} then ${other}: PostgreSQL decides, one after the other or at the same time`, async () => {
      await using fleet = await Fleet.of(database, redis)
      const [first, second] = await fleet.pair()
      fleet.publish([`k 5 ${one}`], first)
      await fleet.settled()
      fleet.publish([`k 5 ${other}`], second)
      await fleet.settled(promptMs)
      assert.equal(second.tally.offered, 1)
      await fleet.assertConverged()

      const release = first.writer.block()
      fleet.publish([`both 5 ${one}`], first)
      await until(async () => first.writer.waiting === 1)
      fleet.publish([`both 5 ${other}`], second)
      await until(async () => second.tally.judgedCount.busy >= 1)
      assert.equal(fleet.isAcked(`both 5 ${other}`), false)
      release()
      await fleet.settled(promptMs)
      await fleet.assertConverged()
    })
  }

  test('versions that are equal as doubles are not equal', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const [older, middle, newer] = ['9007199254740992', '9007199254740993', '9007199254740994']
    const release = first.writer.block()
    fleet.publish([`k ${older} x`], first)
    await until(async () => first.writer.waiting === 1)
    fleet.publish([`k ${middle} x`], second)
    await until(async () => fleet.isAcked(`k ${middle} x`), promptMs)
    assert.equal(second.tally.judgedCount.busy, 0, 'an older claim is no reason to wait')
    release()
    await fleet.settled(promptMs)
    assert.equal(
      await offeredBy([first, second], async () => {
        fleet.publish([`k ${older} x`], second)
        fleet.publish([`k ${middle} x`], first)
        await fleet.settled(promptMs)
      }),
      0,
      'the confirm of the older one has not lowered the watermark',
    )
    fleet.publish([`k ${newer} x`], first)
    await fleet.settled(promptMs)
    await fleet.assertConverged()
  })
})

describe('a confirm', { concurrent: true }, () => {
  test('late, when the next batch of the key is done: the watermark stays with the newer one', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const late: (() => Promise<void>)[] = []
    first.cache.onConfirm = async (send) => void late.push(send)
    fleet.publish(['k 5 x'], first)
    await fleet.settled(promptMs)
    first.cache.onConfirm = (send) => send()
    fleet.publish(['k 6 x'], first)
    await fleet.settled(promptMs)
    await until(async () => (await fleet.stored('w')).length === 1)
    await Promise.all(late.map((send) => send()))
    assert.equal(late.length, 1)
    const offered = await offeredBy([first, second], async () => {
      fleet.publish(['k 5 x', 'k 6 x'], second)
      await fleet.settled(promptMs)
    })
    assert.equal(offered, 0)
    await fleet.assertConverged()
  })

  test('late, during the next batch of the key: its claim stays', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const late: (() => Promise<void>)[] = []
    first.cache.onConfirm = async (send) => void late.push(send)
    fleet.publish(['k 5 x'], first)
    await fleet.settled(promptMs)
    const release = first.writer.block()
    fleet.publish(['k 7 x'], first)
    await until(async () => first.writer.waiting === 1)
    const claims = await fleet.claimed()
    await Promise.all(late.map((send) => send()))
    assert.deepEqual(
      (await fleet.claimed()).map(({ value }) => value),
      claims.map(({ value }) => value),
    )
    fleet.publish(['k 6 x'], second)
    await until(async () => second.tally.judgedCount.busy >= 1)
    first.cache.onConfirm = (send) => send()
    release()
    await fleet.settled(promptMs)
    assert.equal(second.tally.offered, 0)
    await fleet.assertConverged()
  })

  test('twice: like once', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    for (const replica of [first, second]) {
      replica.cache.onConfirm = async (send) => {
        await send()
        await send()
      }
    }
    fleet.publish(['k 5 x', 'k 6 x', 'l 1 x'], first)
    fleet.publish(['k 7 x', 'k 5 x', 'l 1 y'], second)
    await fleet.settled(promptMs)
    const offered = await offeredBy([first, second], async () => {
      fleet.publish(['k 5 x', 'k 6 x', 'l 1 y'], first)
      fleet.publish(['k 7 x'], second)
      await fleet.settled(promptMs)
    })
    assert.ok(offered <= 1, 'of equal versions the one that was not confirmed last is compared again')
    await fleet.assertConverged()
  })

  test('never: a duplicate waits at most a lease, and PostgreSQL decides', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    first.cache.onConfirm = async () => {}
    fleet.publish(['k 5 x', 'l 5 x'], first)
    await fleet.settled(promptMs)
    fleet.publish(['k 5 x', 'k 4 x'], second)
    fleet.publish(['l 6 x'], second)
    await until(async () => fleet.isAcked('l 6 x'), promptMs)
    await fleet.settled(claimLeaseMs + promptMs)
    assert.deepEqual(await fleet.rows(), ['k 5 x', 'l 6 x'])
    await fleet.assertConverged()
  })
})
