// The simulated Redis is a cache server as the real one is, seen through the real client.
import assert from 'node:assert/strict'
import { noLogger } from '#core/logger.ts'
import { RedisCache } from '#redis/cache.ts'
import type { ScriptRunner } from '#redis/script-runner.ts'
import { cacheConformance } from '../../conformance/cache.ts'
import type { OpenCache } from '../../conformance/cache.ts'
import { CacheTally } from '../../support/redis-cache.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { SimulatedRedis } from './redis.ts'

async function open(claims: boolean): Promise<OpenCache> {
  const clock = new VirtualClock()
  const server = new SimulatedRedis(clock)
  const connection: ScriptRunner = {
    unavailableReason: undefined,
    onOpened: () => {},
    firstAttempt: async () => {},
    run: async (keys, args) => server.run(keys, args),
    close: () => {},
  }
  const tally = new CacheTally()
  const cache = new RedisCache({
    connection,
    claims,
    clock,
    ttlMs: 3_600_000,
    pipeline: { name: 'test', format: 1 },
    epoch: () => 'first',
    isStill: async () => true,
    observer: tally,
    logger: noLogger,
  })
  return {
    begin: (records, token) => cache.begin(records, token),
    [Symbol.asyncDispose]: async () => {
      await cache[Symbol.asyncDispose]()
      assert.deepEqual(tally.bypasses, {}, 'what it said was not all its own word')
    },
  }
}

cacheConformance('simulated Redis, with claims', () => open(true), { remembers: true, claims: true })
cacheConformance('simulated Redis, watermarks only', () => open(false), { remembers: true, claims: false })
