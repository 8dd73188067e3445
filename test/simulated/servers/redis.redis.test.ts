// The simulated Redis must not drift from protocol.lua: any calls have the same answers from both, and leave the same.
import assert from 'node:assert/strict'
import { afterAll, test } from 'vitest'
import fc from 'fast-check'
import { RedisConnection } from '#redis/connection.ts'
import { adminOf, startTestRedis } from '../../support/redis-cache.ts'
import { alwaysAsync } from '../../support/seed.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { SimulatedRedis } from './redis.ts'

const server = await startTestRedis()
const admin = adminOf(server)
const connection = new RedisConnection({
  host: server.host,
  port: server.port,
  db: 0,
  tls: false,
  answerWithinMs: 30_000,
})
afterAll(() => connection.close())
await connection.firstAttempt()

const versions = ['0', '1', '9', '10', '9007199254740992', '9007199254740993', '9223372036854775807']
const mark = fc
  .tuple(fc.constantFrom(...versions), fc.constantFrom('a', 'b'))
  .map(([version, print]) => `${version.padStart(19, '0')}:${print.repeat(22)}`)
const keys = fc.uniqueArray(fc.constantFrom('k', 'l', 'm'), { minLength: 1 })

/** Foreign data that may be there. */
const garbage = fc.constantFrom(
  '',
  'x',
  '1|t',
  '0000000000000000001|',
  '0000000000000000001|t',
  '000000000000000000x|t',
  '0000000000000000009:aaaaaaaaaaaaaaaaaaaaaa',
  '0000000000000000009:aaaaaaaaaaaaaaaaaaaaa!',
  '0000000000000000009:aaaaaaaaaaaaaaaaaaaaa',
  '99999999999999999999:aaaaaaaaaaaaaaaaaaaaa',
)

const call = fc.record({
  operation: fc.constantFrom('begin', 'begin', 'confirm', 'release'),
  token: fc.constantFrom('t', 'u', '', 't|'),
  claims: fc.boolean(),
  keys,
  marks: fc.array(mark, { minLength: 3, maxLength: 3 }),
  foreign: fc.option(fc.record({ key: fc.constantFrom('w:k', 'c:k', 'w:l', 'c:l'), text: garbage })),
})

test('any calls have the same answers from both, and leave the same contents', async () => {
  const property = fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
    await admin.flushall()
    const double = new SimulatedRedis(new VirtualClock())
    for (const { operation, token, claims, keys: named, marks, foreign } of calls) {
      if (foreign) {
        await admin.set(foreign.key, foreign.text)
        double.set(foreign.key, foreign.text)
      }
      const watermarks = operation === 'release' ? [] : named.map((key) => `w:${key}`)
      const claimed = claims || operation === 'release' ? named.map((key) => `c:${key}`) : []
      const args = [
        operation,
        token,
        600_000,
        600_000,
        operation === 'release' ? '' : marks.slice(0, named.length).join(''),
      ]
      const all = [...watermarks, ...claimed]
      assert.equal(double.run(all, args), await connection.run(all, args))
      const places = ['k', 'l', 'm'].flatMap((key) => [`w:${key}`, `c:${key}`])
      assert.deepEqual(
        places.map((key) => double.get(key) ?? null),
        await admin.mget(places),
      )
    }
  })
  await alwaysAsync(property, 300)
})

test('keys with an expiry expire: a claim after its lease, a watermark after its lifetime', async () => {
  const clock = new VirtualClock()
  const double = new SimulatedRedis(clock)
  const one = `${'5'.padStart(19, '0')}:${'a'.repeat(22)}`
  double.run(['w', 'c'], ['begin', 't', 1000, 5000, one])
  double.run(['w2', 'c2'], ['confirm', 't', 1000, 5000, one])
  await admin.flushall()
  await connection.run(['w', 'c'], ['begin', 't', 1000, 5000, one])
  await connection.run(['w2', 'c2'], ['confirm', 't', 1000, 5000, one])
  const [claimMs, watermarkMs] = [await admin.pttl('c'), await admin.pttl('w2')]
  assert.ok(claimMs > 0 && claimMs <= 1000 && watermarkMs > 4000 && watermarkMs <= 5000)
  await clock.advance(999)
  assert.deepEqual(double.keys, ['c', 'w2'])
  await clock.advance(1)
  assert.deepEqual(double.keys, ['w2'])
  await clock.advance(4000)
  assert.deepEqual(double.keys, [])
})
