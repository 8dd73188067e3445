import assert from 'node:assert/strict'
import { test } from 'vitest'
import { explain, problemText } from '#connect/explain.ts'
import type { BypassCause } from '#core/cache.ts'
import type { Fields } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { RedisFailure } from './failure.ts'
import { CacheHealth } from './cache-health.ts'

const calmMs = 1000
const slow = new RedisFailure('timeout', 'no answer')
const full = new RedisFailure('out-of-memory', 'OOM')

/** Its clock does not stand at 0: what is reckoned from the start of the process shows. */
async function newHealth() {
  const clock = new VirtualClock()
  await clock.advance(777)
  const told: string[] = []
  const report = (level: string) => (fields: Fields, message: string) =>
    void told.push([level, ...Object.values(fields), message].join(' '))
  const logger = { ...noLogger, info: report('info'), warn: report('warn'), error: report('error') }
  return { health: new CacheHealth(logger, clock, problemText), clock, told }
}

const bypassed = 'cache bypassed (no data lost): Redis:'
const over = 'info cache back in use'

test('while calls succeed there is no reason, and nothing is logged', async () => {
  const { health, clock, told } = await newHealth()
  health.succeeded()
  assert.equal(clock.timers, 0)
  await clock.advance(60_000)
  assert.equal(health.reason, undefined)
  assert.deepEqual(told, [])
})

test('a cause is logged once, with its fix, however often it occurs', async () => {
  const { health, clock, told } = await newHealth()
  for (let i = 0; i < 1000; i++) {
    health.failed(full)
    await clock.advance(10)
  }
  assert.deepEqual(told, [`warn out-of-memory ${bypassed} ${explain(full)}`])
  assert.match(explain(full), /maxmemory-policy/)
  assert.equal(health.reason, `Redis: ${explain(full)}`)
})

test('it is logged again when the cause changes, but not when only the words do', async () => {
  const { health, told } = await newHealth()
  health.failed(slow)
  const slower = new RedisFailure('timeout', 'still no answer')
  health.failed(slower)
  assert.equal(health.reason, `Redis: ${explain(slower)}`, 'the reason is the last one')
  health.failed(full)
  health.failed(slow)
  assert.deepEqual(told, [
    `warn timeout ${bypassed} ${explain(slow)}`,
    `warn out-of-memory ${bypassed} ${explain(full)}`,
    `warn timeout ${bypassed} ${explain(slow)}`,
  ])
})

test('it is over a second after a successful call, to the millisecond, and that is logged once', async () => {
  const { health, clock, told } = await newHealth()
  health.failed(slow)
  await clock.advance(300)
  health.succeeded()
  await clock.advance(calmMs - 1)
  assert.equal(health.reason, `Redis: ${explain(slow)}`)
  assert.equal(told.length, 1)
  await clock.advance(1)
  assert.equal(health.reason, undefined)
  health.succeeded()
  await clock.advance(60_000)
  assert.deepEqual(told.slice(1), [over])
  assert.equal(clock.timers, 0)
})

test('each failure restarts that second: an intermittent problem is logged once', async () => {
  const { health, clock, told } = await newHealth()
  for (let i = 0; i < 20; i++) {
    health.failed(slow)
    await clock.advance(10)
    health.succeeded()
    await clock.advance(calmMs - 1)
  }
  assert.equal(health.reason, `Redis: ${explain(slow)}`)
  assert.equal(told.length, 1)
})

test('further successful calls do not postpone the end', async () => {
  const { health, clock, told } = await newHealth()
  health.failed(slow)
  for (let i = 0; i < 10; i++) {
    health.succeeded()
    await clock.advance(calmMs / 10)
  }
  assert.deepEqual(told.slice(1), [over])
  assert.equal(clock.timers, 0)
})

test('silence alone does not end it: there must be a success', async () => {
  const { health, clock, told } = await newHealth()
  health.failed(slow)
  await clock.advance(3_600_000)
  assert.equal(health.reason, `Redis: ${explain(slow)}`)
  assert.equal(told.length, 1)
})

test('a problem that returns after it was over is logged again', async () => {
  const { health, clock, told } = await newHealth()
  for (let i = 0; i < 2; i++) {
    health.failed(slow)
    health.succeeded()
    await clock.advance(calmMs)
  }
  const warned = `warn timeout ${bypassed} ${explain(slow)}`
  assert.deepEqual(told, [warned, over, warned, over])
})

const fixedByConnecting: readonly BypassCause[] = ['disconnected', 'timeout', 'no-rights']
const others: readonly BypassCause[] = ['loading', 'read-only', 'out-of-memory', 'refused', 'garbage']

for (const cause of [...fixedByConnecting, ...others]) {
  const fixes = fixedByConnecting.includes(cause)
  test(`a connection ${fixes ? 'ends' : 'says nothing about'} this: ${cause}`, async () => {
    const { health, clock, told } = await newHealth()
    health.failed(new RedisFailure(cause, 'no'))
    health.connected()
    await clock.advance(calmMs - 1)
    assert.equal(told.length, 1, 'not at once')
    await clock.advance(1)
    assert.deepEqual(told.slice(1), fixes ? [over] : [])
    assert.equal(health.reason === undefined, fixes)
  })
}

test('a connection without a problem is not logged', async () => {
  const { health, clock, told } = await newHealth()
  health.connected()
  await clock.advance(60_000)
  assert.deepEqual(told, [])
})

test('when disposed it leaves no timer and logs nothing more', async () => {
  const { health, clock, told } = await newHealth()
  health.failed(slow)
  health.succeeded()
  health[Symbol.dispose]()
  assert.equal(clock.timers, 0)
  await clock.advance(60_000)
  assert.equal(told.length, 1)
})
