import assert from 'node:assert/strict'
import { openCache, startTestRedis } from '../support/redis-cache.ts'
import type { OpenCache } from './cache.ts'
import { cacheConformance } from './cache.ts'

const server = await startTestRedis()

let opened = 0

/** Each in an epoch of its own, on one server: what one knows another one must not find. */
async function open(claims: boolean): Promise<OpenCache> {
  const { cache, tally, epoch } = await openCache(server, { claims, epoch: () => mine })
  const mine = `${epoch} ${++opened}`
  return {
    begin: (records, token) => cache.begin(records, token),
    [Symbol.asyncDispose]: async () => {
      await cache[Symbol.asyncDispose]()
      assert.deepEqual(tally.bypasses, {}, 'what it said was not all its own word')
    },
  }
}

cacheConformance('Redis, with claims', () => open(true), { remembers: true, claims: true })
cacheConformance('Redis, watermarks only', () => open(false), { remembers: true, claims: false })
