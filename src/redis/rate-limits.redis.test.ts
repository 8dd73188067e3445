import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Logger } from '#core/logger.ts'
import type { RateWindow } from '#core/rate-limits.ts'
import { systemClock } from '#runtime/clock.ts'
import { atEnd } from '../../test/support/at-end.ts'
import { until } from '../../test/support/postgres.ts'
import { adminOf, callsOf, startTestRedis } from '../../test/support/redis-cache.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'
import type { RedisOptions } from './connection.ts'
import { RedisRateLimits } from './rate-limits.ts'

const server = await startTestRedis()
const admin = adminOf(server)
const perMs = 60_000

async function open(changes: Partial<RedisOptions> = {}) {
  const lines: string[] = []
  const note = (_: unknown, message: string) => void lines.push(message)
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const redis = { host: server.host, port: server.port, db: 0, tls: false, ...changes }
  const limits = new RedisRateLimits({ redis, logger, clock: systemClock })
  atEnd(() => limits[Symbol.dispose]())
  await limits.firstAttempt()
  return { limits, lines }
}

/** A busy machine may take longer than requests wait. */
const patient = { answerWithinMs: 30_000 }

let last = 0
const newClient = () => `10.0.0.${++last}`
const usedOf = (windows: readonly (RateWindow | undefined)[]) => windows.map((window) => window?.used)

/** Counts until that is shared. */
const untilShared = (limits: RedisRateLimits, client: string) =>
  until(async () => (await limits.count(client, perMs)) !== undefined)

describe('rate limits in Redis', () => {
  test('are shared, and end', async () => {
    const [one, other] = [await open(patient), await open(patient)]
    const client = newClient()
    const windows = []
    for (const { limits } of [one, other, one, other]) windows.push(await limits.count(client, perMs))
    assert.deepEqual(usedOf(windows), [1, 2, 3, 4])
    for (const { endsInMs = 0 } of windows.map((window) => window ?? { endsInMs: 0 }))
      assert.ok(endsInMs > 50_000 && endsInMs <= perMs, `${endsInMs}`)
    assert.equal((await one.limits.count(newClient(), perMs))?.used, 1)
    const short = newClient()
    assert.equal((await one.limits.count(short, 200))?.used, 1)
    await until(async () => (await other.limits.count(short, 200))?.used === 1)
    assert.ok((await admin.pttl(`ingester:rate:${perMs}:${client}`)) > 0)
    assert.deepEqual(one.lines, [])
  })

  test('count what comes together by few calls, each request in its turn', async () => {
    const { limits } = await open(patient)
    const clients = Array.from({ length: 1500 }, newClient)
    await limits.count(newClient(), perMs)
    await admin.config('RESETSTAT')
    const first = Array.from({ length: 50 }, async () => limits.count(clients[0] ?? '', perMs))
    const others = clients.slice(1).map(async (client) => limits.count(client, perMs))
    assert.deepEqual(
      usedOf(await Promise.all(first)),
      Array.from({ length: 50 }, (_, i) => i + 1),
    )
    assert.ok(usedOf(await Promise.all(others)).every((used) => used === 1))
    assert.equal(await callsOf(admin, 'evalsha'), 3)
  })

  test('survive a restart of scripts, and foreign data under their keys', async () => {
    const { limits, lines } = await open(patient)
    const client = newClient()
    await limits.count(client, perMs)
    await admin.call('SCRIPT', 'FLUSH')
    assert.equal((await limits.count(client, perMs))?.used, 2)
    await admin.lpush(`ingester:rate:${perMs}:foreign`, 'x')
    assert.equal(await limits.count('foreign', perMs), undefined)
    assert.match(lines.join(), /^rate limits not shared, each process counts for itself: Redis: /)
    await untilShared(limits, client)
    assert.equal(lines[1], 'rate limits shared again')
  })

  test('are given up within half a second where Redis is silent; then nobody waits until it is back', async () => {
    await using proxy = await TcpProxy.to(server.port)
    const { limits, lines } = await open({ port: proxy.port })
    await untilShared(limits, newClient())
    lines.length = 0
    proxy.freeze()
    const beganMs = performance.now()
    const waiting = Array.from({ length: 20 }, async () => limits.count(newClient(), perMs))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const later = limits.count(newClient(), perMs)
    assert.ok((await Promise.all([...waiting, later])).every((window) => window === undefined))
    const ms = performance.now() - beganMs
    assert.ok(ms < 500, `${ms} ms`)
    for (let i = 0; i < 20; i += 1) assert.equal(limits.count(newClient(), perMs), undefined)
    assert.equal(lines.length > 0, true)
    assert.match(limits.problem ?? '', /^Redis: /)
    proxy.thaw()
    await untilShared(limits, newClient())
    assert.equal(limits.problem, undefined)
  })

  test('are not waited for where nothing listens; a line says so, once', async () => {
    await using proxy = await TcpProxy.to(server.port)
    await proxy.refuse()
    const { limits, lines } = await open({ port: proxy.port })
    for (let i = 0; i < 100; i += 1) assert.equal(limits.count(newClient(), perMs), undefined)
    assert.equal(lines.length, 1, lines.join('\n'))
    await proxy.accept()
    await untilShared(limits, newClient())
    assert.equal(lines.at(-1), 'rate limits shared again')
    // In the middle of it.
    proxy.turnAway()
    await until(async () => (await limits.count(newClient(), perMs)) === undefined)
  })
})
