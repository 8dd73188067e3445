// The model's cache is the code's: the same calls in any order give the same answers and leave the same keys.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import type { CacheRecord } from '#core/cache.ts'
import { compareVersions } from '#pipeline/newest.ts'
import { Keyspace, watermarkValue } from '#redis/encoding.ts'
import { adminOf, openCache, startTestRedis } from '../support/redis-cache.ts'
import { always, alwaysAsync } from '../support/seed.ts'
import type { Cached, CacheCalls } from './cache-calls.ts'
import { scriptCalls, scriptCallsWithoutClaims } from './cache-calls.ts'
import { scenario, storyOf } from './scenario.ts'

const redis = await startTestRedis()
const admin = adminOf(redis)

/** Two of one version; and of those that differ as numbers of 19 digits, not as doubles. */
const story = storyOf(scenario(['1 a', '1 b', '2']))
const versionsInRedis = [0n, 9_007_199_254_740_992n, 9_007_199_254_740_993n]

const step = fc.record({
  call: fc.constantFrom('begin', 'begin', 'confirm', 'release', 'claim expires', 'watermark expires'),
  record: fc.constantFrom(1, 2, 3),
  token: fc.constantFrom(1, 2, 3),
})

let keys = 0

for (const [calls, claims] of [
  [scriptCalls, true],
  [scriptCallsWithoutClaims, false],
] as const) {
  test(`any calls in any order, ${claims ? 'with claims' : 'watermarks only'}: the model agrees with the script`, async () => {
    await using opened = await openCache(redis, { claims })
    const keyspace = new Keyspace({ name: 'test', format: 1 }, 'first')
    const seen = { stale: 0, busy: 0, fresh: 0 }
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const key = `key ${++keys}`
      const real = (record: number): CacheRecord => ({
        key,
        version: versionsInRedis[story.versions[record] as number] as bigint,
        content: record === 2 ? 'b' : 'a',
      })
      const model: Cached = { watermark: 0, claimVersion: 0, claimToken: 0 }
      for (const { call, record, token } of steps) {
        if (call === 'begin') {
          const { verdicts } = await opened.cache.begin([real(record)], `${token}`)
          const said = (calls satisfies CacheCalls).begin(model, record, token, story.versions)
          assert.equal(verdicts[0], said)
          seen[said] += 1
        } else if (call === 'claim expires') {
          await admin.del(keyspace.claim({ key }))
          Object.assign(model, { claimVersion: 0, claimToken: 0 })
        } else if (call === 'watermark expires') {
          await admin.del(keyspace.watermark({ key }))
          model.watermark = 0
        } else {
          const begun = await opened.cache.begin([], `${token}`)
          await begun[call]([real(record)])
          if (call === 'confirm') calls.confirm(model, record, token, story.versions)
          else calls.release?.(model, 0, token)
        }
        const [watermark, claim] = await admin.mget(keyspace.watermark({ key }), keyspace.claim({ key }))
        assert.deepEqual(
          { watermark, claim },
          {
            watermark: model.watermark === 0 ? null : watermarkValue(real(model.watermark)),
            claim:
              model.claimVersion === 0
                ? null
                : `${String(versionsInRedis[model.claimVersion]).padStart(19, '0')}|${model.claimToken}`,
          },
        )
      }
      assert.deepEqual(opened.tally.bypasses, {})
    })
    await alwaysAsync(property, 300)
    assert.ok(seen.stale > 50 && seen.fresh > 50, JSON.stringify(seen))
    assert.equal(seen.busy > 50, claims, JSON.stringify(seen))
  })
}

describe('the order of the model’s records', () => {
  test('is the engine’s: a greater number replaces a smaller one, equal ones are the same record', () => {
    const message = fc
      .tuple(fc.constantFrom(1, 2), fc.constantFrom('a', 'b', '\u{FF5E}', '\u{1F600}'))
      .map(([version, content]) => ({ version, content }))
    always(
      fc.property(fc.array(message, { minLength: 2, maxLength: 3 }), (messages) => {
        const { records, versions } = storyOf(
          scenario(messages.map(({ version, content }) => `${version} ${content}`)),
        )
        for (const [i, a] of messages.entries()) {
          assert.equal(versions[records[i] as number], a.version)
          for (const [j, b] of messages.entries()) {
            const keyed = (one: typeof a) => ({
              ...one,
              version: BigInt(one.version),
              key: 'k',
              row: undefined,
              bytes: 1,
            })
            assert.equal(
              Math.sign((records[i] as number) - (records[j] as number)),
              Math.sign(compareVersions(keyed(a), keyed(b))),
            )
          }
        }
      }),
    )
  })
})
