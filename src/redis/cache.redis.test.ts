import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, test } from 'vitest'
import { claimLeaseMs } from '#core/cache.ts'
import { until } from '../../test/support/postgres.ts'
import { startProgram } from '../../test/support/program.ts'
import type { TestCache } from '../../test/support/redis-cache.ts'
import {
  adminOf,
  asUsual,
  cacheRecord,
  cacheRecords,
  callsOf,
  commit,
  newToken,
  openCache,
  startTestRedis,
  untilUsed,
  verdictsOf,
} from '../../test/support/redis-cache.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'
import { Keyspace, watermarkValue } from './encoding.ts'
import { atEnd } from '../../test/support/at-end.ts'

const password = 'planted-secret-57dd'
/** Loads slowly, and says so while it does. */
const server = await startTestRedis({
  'enable-debug-command': 'yes',
  rdbcompression: 'no',
  'loading-process-events-interval-bytes': '1024',
})
const admin = adminOf(server)

const known = cacheRecord('known', 5)
const keyspace = new Keyspace({ name: 'test', format: 1 }, 'first')
const watermark = (key: string) => keyspace.watermark(cacheRecord(key, 0))
const claim = (key: string) => keyspace.claim(cacheRecord(key, 0))

/** An empty server, and a cache that has been used: `known` is committed. */
async function openEmpty(changes: Parameters<typeof openCache>[1] = {}): Promise<TestCache> {
  await admin.flushall()
  const opened = await openCache(server, changes)
  await commit(opened, known)
  return opened
}

const scripts = async () => (await callsOf(admin, 'evalsha')) + (await callsOf(admin, 'eval'))

async function timed<T>(work: Promise<T>): Promise<[T, ms: number]> {
  const start = performance.now()
  return [await work, performance.now() - start]
}

/** Time that is spent without anybody listening: half a second for an answer, and what a busy machine takes. */
function assertSoon(ms: number): void {
  assert.ok(ms > 400 && ms < 900, `${ms} ms`)
}

describe('contents of Redis', () => {
  test('one watermark and one claim per key, with the configured lifetime', async () => {
    await using opened = await openEmpty({ ttlMs: 50_000 })
    const begun = await opened.cache.begin([cacheRecord('a', 7, 'x'), known], 'mine')
    assert.deepEqual(begun.verdicts, ['fresh', 'stale'])
    assert.deepEqual((await admin.keys('*')).sort(), [claim('a'), watermark('known')].sort())
    assert.equal(await admin.get(claim('a')), '0000000000000000007|mine')
    assertPttl(await admin.pttl(claim('a')), claimLeaseMs)
    await begun.confirm([cacheRecord('a', 7, 'x')])
    assert.deepEqual((await admin.keys('*')).sort(), [watermark('a'), watermark('known')].sort())
    assert.equal(await admin.get(watermark('a')), watermarkValue(cacheRecord('a', 7, 'x')))
    assertPttl(await admin.pttl(watermark('a')), 50_000)
  })

  test('another confirm renews the life of a watermark; an older confirm and a begin do not', async () => {
    await using opened = await openEmpty({ ttlMs: 50_000 })
    const name = watermark('known')
    await admin.pexpire(name, 20_000)
    const begun = await opened.cache.begin([known], newToken())
    await begun.confirm([cacheRecord('known', 4)])
    assertPttl(await admin.pttl(name), 20_000)
    await begun.confirm([known])
    assertPttl(await admin.pttl(name), 50_000)
  })

  test('another begin with the same token renews its claim', async () => {
    await using opened = await openEmpty()
    const record = cacheRecord('a', 7)
    await opened.cache.begin([record], 'mine')
    await admin.pexpire(claim('a'), 2000)
    await opened.cache.begin([record], 'mine')
    assertPttl(await admin.pttl(claim('a')), claimLeaseMs)
  })

  test('expired keys are forgotten: the claim of a dead replica, and an old watermark', async () => {
    await using opened = await openEmpty({ ttlMs: 150 })
    const record = cacheRecord('a', 7)
    await opened.cache.begin([record], 'dead')
    assert.deepEqual(await verdictsOf(opened, record), ['busy'])
    await admin.pexpire(claim('a'), 100)
    await until(async () => (await verdictsOf(opened, record))[0] === 'fresh')
    await commit(opened, known)
    await until(async () => (await verdictsOf(opened, known))[0] === 'fresh')
  })

  test('without claims there are none, and release makes no call', async () => {
    await using opened = await openEmpty({ claims: false })
    const begun = await opened.cache.begin(cacheRecords(10, 1), 'mine')
    const before = await scripts()
    await begun.release(cacheRecords(10, 1))
    assert.equal(await scripts(), before)
    await begun.confirm(cacheRecords(10, 1))
    assert.equal((await admin.keys('ingester:{*}:w:*')).length, 11)
    assert.deepEqual(await admin.keys('ingester:{*}:c:*'), [])
  })

  test('all of it is in the configured database', async () => {
    await using opened = await openEmpty({ db: 3 })
    await opened.cache.begin([cacheRecord('a', 7)], 'mine')
    assert.match(await admin.info('keyspace'), /^# Keyspace\r\ndb3:keys=2,\S+\r\n$/)
  })

  test('pipelines, and formats of a pipeline, are separate', async () => {
    await using opened = await openEmpty()
    await using other = await openCache(server, { pipeline: { name: 'other', format: 1 } })
    await using next = await openCache(server, { pipeline: { name: 'test', format: 2 } })
    assert.deepEqual(await verdictsOf(other, known), ['fresh'])
    assert.deepEqual(await verdictsOf(next, known), ['fresh'])
    assert.deepEqual(await verdictsOf(opened, known), ['stale'])
  })

  test('1,000 records are one call, and one more is two', async () => {
    await using opened = await openEmpty()
    const callsFor = async (count: number) => {
      const before = await scripts()
      await opened.cache.begin(cacheRecords(count, 1), newToken())
      return (await scripts()) - before
    }
    assert.deepEqual([await callsFor(0), await callsFor(1000), await callsFor(1001)], [0, 1, 2])
  })
})

test('verdicts are counted per record', async () => {
  await using opened = await openEmpty()
  await opened.cache.begin(cacheRecords(3, 1), 'other')
  const said = { ...opened.tally.said }
  const records = [known, cacheRecord('a', 1), cacheRecord('b', 1), ...cacheRecords(3, 1)]
  const begun = await opened.cache.begin(records, newToken())
  await begun.confirm(records)
  await begun.release(records)
  assert.deepEqual(opened.tally.said, { fresh: (said.fresh ?? 0) + 2, stale: 1, busy: 3 })
  assert.deepEqual(opened.tally.bypasses, {})
})

describe('failures', () => {
  test('SCRIPT FLUSH again and again during batches: nothing is missed', async () => {
    await using opened = await openEmpty()
    let flushing = true
    const flushes = (async () => {
      let count = 0
      for (; flushing; count += 1) await admin.call('SCRIPT', 'FLUSH')
      return count
    })()
    for (let round = 0; round < 20; round += 1) {
      const records = cacheRecords(3000, round)
      await commit(opened, ...records)
      assert.deepEqual(
        await verdictsOf(opened, ...records),
        records.map(() => 'stale'),
      )
    }
    flushing = false
    assert.ok((await flushes) > 20)
    assert.deepEqual(opened.tally.bypasses, {})
  })

  test('unavailable: everything is fresh at once, one log line for it, one for its end', async () => {
    await using proxy = await TcpProxy.to(server.port)
    await proxy.refuse()
    await using opened = await openCache(proxyAddress(proxy))
    assert.match(opened.cache.problem ?? '', /^Redis: .*ECONNREFUSED.*check INGESTER_REDIS_ADDR/)
    const records = cacheRecords(2500, 1)
    for (let i = 1; i <= 10; i += 1) {
      const begun = await opened.cache.begin(records, newToken())
      assert.deepEqual(
        begun.verdicts,
        records.map(() => 'fresh'),
      )
      await begun.confirm(records)
      await begun.release(records)
      assert.deepEqual(opened.tally.bypasses, { disconnected: i * 3 * 2500 })
    }
    assert.deepEqual(opened.tally.said, {})
    assert.equal(opened.lines.length, 1)
    await proxy.accept()
    await untilUsed(opened, known)
    await until(async () => {
      await verdictsOf(opened, known)
      return opened.cache.problem === undefined
    })
    assert.equal(opened.lines.length, 2)
    assert.match(opened.lines.join('\n'), /cache bypassed.*\n.*back in use/)
  })

  test('connections that are cut all the time: never a rejection, and normal afterwards', async () => {
    await using proxy = await TcpProxy.to(server.port)
    await using opened = await openCache(proxyAddress(proxy))
    let cutting = true
    const cuts = (async () => {
      while (cutting) {
        proxy.cut()
        await new Promise((resolve) => setTimeout(resolve, 7))
      }
    })()
    const records = cacheRecords(1500, 5)
    await until(async () => {
      await commit(opened, ...records)
      return proxy.connections >= 5
    })
    cutting = false
    await cuts
    await untilUsed(opened, known)
    await commit(opened, ...records)
    assert.deepEqual(
      await verdictsOf(opened, ...records),
      records.map(() => 'stale'),
    )
    const { disconnected = 0, breaker, ...others } = opened.tally.bypasses
    assert.ok(disconnected > 0)
    assert.deepEqual(others, {}, `besides ${breaker} for the breaker`)
  })

  for (const [what, freeze] of [
    ['CLIENT PAUSE', pauseServer],
    ['SIGSTOP', stopServer],
  ] as const) {
    test(`a silent server (${what}): half a second for a whole batch, then the breaker, then used again`, async () => {
      await using opened = await openEmpty(asUsual)
      const records = cacheRecords(3000, 1)
      const thaw = await freeze()
      const [begun, ms] = await timed(opened.cache.begin(records, newToken()))
      assertSoon(ms)
      assert.deepEqual(
        begun.verdicts,
        records.map(() => 'fresh'),
      )
      assert.deepEqual(opened.tally.bypasses, { timeout: 3000 })
      assert.match(opened.cache.problem ?? '', /Command timed out; Redis may be overloaded/)
      // Three calls have failed: now it is left alone.
      const [, confirmMs] = await timed(begun.confirm(records))
      assert.ok(confirmMs < 300, `${confirmMs} ms`)
      assert.deepEqual(opened.tally.bypasses, { timeout: 3000, breaker: 3000 })
      await thaw()
      await untilUsed(opened, known)
      assert.equal(opened.lines.join('\n').match(/cache bypassed/g)?.length, 1)
    })
  }

  test('a confirm without an answer ends as soon', async () => {
    await using opened = await openEmpty(asUsual)
    const begun = await opened.cache.begin([cacheRecord('a', 1)], newToken())
    const thaw = await pauseServer(700)
    const [, ms] = await timed(begun.confirm([cacheRecord('a', 1)]))
    assertSoon(ms)
    assert.deepEqual(opened.tally.bypasses, { timeout: 1 })
    await thaw()
    assert.equal(await admin.exists(watermark('a')), 1, 'it was carried out all the same')
  })

  test('silent for long: bounded each time, reconnected, used again', async () => {
    await using proxy = await TcpProxy.to(server.port)
    await openEmpty().then((opened) => opened[Symbol.asyncDispose]())
    await using opened = await openCache(proxyAddress(proxy), asUsual)
    await untilUsed(opened, known)
    proxy.freeze()
    await until(async () => {
      const [verdicts, ms] = await timed(verdictsOf(opened, known))
      assert.ok(ms < 900, `${ms} ms`)
      assert.deepEqual(verdicts, ['fresh'])
      return proxy.connections >= 3
    })
    const { timeout = 0 } = opened.tally.bypasses
    assert.ok(timeout > 0)
    proxy.thaw()
    await untilUsed(opened, known)
  })

  test('LOADING: everything is fresh until Redis has loaded', async () => {
    await using opened = await openEmpty()
    await admin.call('DEBUG', 'POPULATE', '60', 'large', '3000')
    await admin.config('SET', 'key-load-delay', '10000')
    const loaded = admin.call('DEBUG', 'RELOAD')
    await until(async () => {
      assert.deepEqual(await verdictsOf(opened, cacheRecord('a', 1)), ['fresh'])
      return (opened.tally.bypasses.loading ?? 0) > 0
    })
    assert.match(opened.cache.problem ?? '', /LOADING/)
    await using late = await openCache(server)
    assert.deepEqual(await verdictsOf(late, known), ['fresh'])
    assert.deepEqual(late.tally.bypasses, { loading: 1 }, 'a client that connects meanwhile gets it, too')
    await loaded
    await admin.config('SET', 'key-load-delay', '0')
    await untilUsed(opened, known)
  })

  test('READONLY: what needs no write is still answered; confirm has no effect; then it is the primary again', async () => {
    await using opened = await openEmpty()
    const begun = await opened.cache.begin([cacheRecord('a', 1)], newToken())
    await admin.call('REPLICAOF', '127.0.0.1', '1')
    assert.deepEqual(await verdictsOf(opened, known), ['stale'])
    await begun.confirm([cacheRecord('a', 1)])
    assert.deepEqual(opened.tally.bypasses, { 'read-only': 1 })
    assert.match(opened.cache.problem ?? '', /must be that of the primary/)
    await admin.call('REPLICAOF', 'NO', 'ONE')
    assert.equal(await admin.exists(watermark('a')), 0)
    await untilUsed(opened, known)
    await commit(opened, cacheRecord('a', 1))
    assert.deepEqual(await verdictsOf(opened, cacheRecord('a', 1)), ['stale'])
  })

  test('OOM: stale, busy and release still work, claims and confirms do not', async () => {
    await using opened = await openEmpty()
    const [mine, others] = [cacheRecord('mine', 1), cacheRecord('others', 1)]
    const begun = await opened.cache.begin([mine], newToken())
    await opened.cache.begin([others], newToken())
    try {
      await admin.config('SET', 'maxmemory', '1')
      assert.deepEqual(await verdictsOf(opened, known, others), ['stale', 'busy'])
      assert.deepEqual(opened.tally.bypasses, {})
      await begun.confirm([mine])
      assert.deepEqual(opened.tally.bypasses, { 'out-of-memory': 1 })
      assert.match(opened.cache.problem ?? '', /maxmemory-policy allkeys-lru/)
      assert.deepEqual(await verdictsOf(opened, known, cacheRecord('new', 1)), ['fresh', 'fresh'])
      assert.deepEqual(opened.tally.bypasses, { 'out-of-memory': 3 })
      assert.equal(await admin.exists(claim('mine')), 1)
      await begun.release([mine])
      assert.equal(await admin.exists(claim('mine')), 0)
      assert.deepEqual(opened.tally.bypasses, { 'out-of-memory': 3 })
    } finally {
      await admin.config('SET', 'maxmemory', '0')
    }
    await commit(opened, mine)
    assert.deepEqual(await verdictsOf(opened, mine), ['stale'])
  })

  test('any other error: everything is fresh, and Redis is quoted', async () => {
    await using opened = await openEmpty()
    try {
      await admin.config('SET', 'min-replicas-to-write', '1')
      assert.deepEqual(await verdictsOf(opened, cacheRecord('a', 1), known), ['fresh', 'fresh'])
    } finally {
      await admin.config('SET', 'min-replicas-to-write', '0')
    }
    assert.deepEqual(opened.tally.bypasses, { refused: 2 })
    assert.match(opened.cache.problem ?? '', /NOREPLICAS/)
    assert.deepEqual(await verdictsOf(opened, known), ['stale'])
    // A second without trouble ends it.
    await until(async () => opened.cache.problem === undefined)
    assert.equal(opened.lines.length, 2)
  })

  test('no permission to run the script: no-rights; used again when it is granted', async () => {
    await using opened = await openEmpty()
    try {
      await admin.call('ACL', 'SETUSER', 'default', '-evalsha', '-eval')
      assert.deepEqual(await verdictsOf(opened, known), ['fresh'])
    } finally {
      await admin.call('ACL', 'SETUSER', 'default', '+evalsha', '+eval')
    }
    assert.deepEqual(opened.tally.bypasses, { 'no-rights': 1 })
    assert.deepEqual(await verdictsOf(opened, known), ['stale'])
  })

  test('passwords: no-rights and the fix if it is wrong or missing, and no log line has it', async () => {
    const locked = await startTestRedis({ requirepass: password })
    const wrong = 'planted-wrong-11c3'
    for (const given of [{}, { password: wrong }]) {
      await using opened = await openCache(locked, given)
      assert.deepEqual(await verdictsOf(opened, known), ['fresh'])
      assert.deepEqual(opened.tally.bypasses, { 'no-rights': 1 })
      assert.match(opened.cache.problem ?? '', /check INGESTER_REDIS_PASSWORD/)
      assert.equal(opened.lines.length, 1)
      assert.match(opened.lines.join(), /check INGESTER_REDIS_PASSWORD.*"no-rights"/)
      assert.doesNotMatch(opened.lines.join() + opened.cache.problem, /planted/)
    }
    await using opened = await openCache(locked, { password })
    await commit(opened, known)
    assert.deepEqual(await verdictsOf(opened, known), ['stale'])
    assert.deepEqual([opened.tally.bypasses, opened.lines], [{}, []])
  })
})

describe('garbage in our keys', () => {
  const mark = watermarkValue(known)
  const digits = mark.slice(0, 19)
  const print = mark.slice(20)

  const watermarks: Readonly<Record<string, string>> = {
    'a word': 'garbage',
    nothing: '',
    '18 digits': mark.slice(1),
    '18 digits, and a fingerprint that makes up for it': `${mark.slice(1)}0`,
    '20 digits': `9${mark}`,
    'a letter among the digits': `99x${mark.slice(3)}`,
    'a space for a digit': ` ${mark.slice(1)}`,
    'a sign': `+${mark.slice(1)}`,
    'a newline at the end': `${mark}\n`,
    'a newline for the last digit': `${mark.slice(0, -1)}\n`,
    'a NUL at the end': `${mark}\0`,
    'a longer fingerprint': `${mark}0`,
    'a sign that no fingerprint has': `${mark.slice(0, -1)}+`,
    'no fingerprint': `${digits}:`,
    'no separator': `${digits}0${print}`,
    'another separator': `${digits}|${print}`,
    'the separator elsewhere': `${digits}${print.slice(0, 3)}:${print.slice(3)}`,
    'two lines': `x\n${mark}`,
    'no UTF-8': '\xff'.repeat(42),
  }

  const claims: Readonly<Record<string, string>> = {
    'a word': 'garbage',
    nothing: '',
    'no token': `${digits}|`,
    'no separator': digits,
    '18 digits': `${digits.slice(1)}|token`,
    '20 digits': `9${digits}|token`,
    'a letter among the digits': `99x${digits.slice(3)}|token`,
    'a mark': mark,
    'a sign': `+${digits.slice(1)}|token`,
  }

  for (const [what, garbage] of Object.entries(watermarks)) {
    test(`for a watermark, ${what}: fresh, counted as garbage, and fixed by confirm`, async () => {
      for (const claims of [true, false]) {
        await using opened = await openEmpty({ claims })
        await admin.set(watermark('known'), garbage)
        const begun = await opened.cache.begin([known], newToken())
        assert.deepEqual(begun.verdicts, ['fresh'])
        assert.deepEqual(opened.tally.bypasses, { garbage: 1 })
        assert.deepEqual(opened.tally.said, { fresh: 1 }, 'that of the time before')
        assert.match(opened.cache.problem ?? '', /foreign data under our keys/)
        await begun.confirm([known])
        assert.equal(await admin.get(watermark('known')), mark)
        assert.deepEqual(await verdictsOf(opened, known), ['stale'])
        assert.deepEqual(opened.tally.bypasses, { garbage: 1 })
      }
    })
  }

  for (const [what, garbage] of Object.entries(claims)) {
    test(`for a claim, ${what}: fresh, counted as garbage, and taken over`, async () => {
      await using opened = await openEmpty()
      const record = cacheRecord('a', 1)
      await admin.set(claim('a'), garbage)
      const begun = await opened.cache.begin([record], 'mine')
      assert.deepEqual(begun.verdicts, ['fresh'])
      assert.deepEqual(opened.tally.bypasses, { garbage: 1 })
      assert.equal(await admin.get(claim('a')), '0000000000000000001|mine')
      await admin.set(claim('a'), garbage)
      await begun.release([record])
      assert.equal(await admin.exists(claim('a')), 1, 'not ours to remove')
      await begun.confirm([record])
      assert.deepEqual(await verdictsOf(opened, record), ['stale'])
    })
  }

  test('beside garbage the other half of a key still counts', async () => {
    await using opened = await openEmpty()
    await admin.set(claim('known'), 'garbage')
    assert.deepEqual(await verdictsOf(opened, known), ['stale'])
    await opened.cache.begin([cacheRecord('a', 1)], 'other')
    await admin.set(watermark('a'), 'garbage')
    assert.deepEqual(await verdictsOf(opened, cacheRecord('a', 1)), ['busy'])
  })

  for (const type of ['list', 'hash', 'set', 'stream'] as const) {
    test(`a ${type} in place of every key: fresh, and fixed by confirm`, async () => {
      await using opened = await openEmpty()
      const record = cacheRecord('a', 1)
      await opened.cache.begin([record], 'other')
      for (const name of await admin.keys('ingester:*')) {
        await admin.del(name)
        if (type === 'list') await admin.rpush(name, mark)
        if (type === 'hash') await admin.hset(name, mark, mark)
        if (type === 'set') await admin.sadd(name, mark)
        if (type === 'stream') await admin.xadd(name, '*', mark, mark)
      }
      const begun = await opened.cache.begin([known, record], newToken())
      assert.deepEqual(begun.verdicts, ['fresh', 'fresh'])
      await begun.confirm([known, record])
      await begun.release([known, record])
      assert.deepEqual(await verdictsOf(opened, known, record), ['stale', 'stale'])
      assert.equal(await admin.get(watermark('known')), mark)
    })
  }

  test('among many valid keys only the invalid ones are counted', async () => {
    await using opened = await openEmpty()
    const records = cacheRecords(1500, 5)
    await commit(opened, ...records)
    const bad = [3, 4, 1200]
    for (const at of bad) await admin.set(watermark(`key ${at}`), 'garbage')
    const before = { ...opened.tally.said }
    const verdicts = await verdictsOf(opened, ...records)
    assert.deepEqual(
      verdicts,
      records.map((_, at) => (bad.includes(at) ? 'fresh' : 'stale')),
    )
    assert.deepEqual(opened.tally.bypasses, { garbage: 3 })
    assert.deepEqual(opened.tally.said, { ...before, stale: 1497 })
  })
})

describe('a server with unexpected answers', () => {
  for (const [what, reply] of [
    ['a number', ':2\r\n'],
    ['nothing', '$-1\r\n'],
    ['too few letters', '$1\r\ns\r\n'],
    ['too many letters', '$3\r\nsss\r\n'],
    ['other letters', '$2\r\nsx\r\n'],
    ['capital letters', '$2\r\nSS\r\n'],
    ['names of an object', '$2\r\n__\r\n'],
    ['no letters', '$0\r\n\r\n'],
    ['a status', '+OK\r\n'],
    ['a list of letters', '*2\r\n$1\r\ns\r\n$1\r\ns\r\n'],
    ['an empty list', '*0\r\n'],
  ] as const) {
    test(`${what}: fresh, counted as garbage`, async () => {
      await using opened = await openCache(await answering(reply))
      const records = cacheRecords(2, 1)
      assert.deepEqual(await verdictsOf(opened, ...records), ['fresh', 'fresh'])
      assert.deepEqual(opened.tally.bypasses, { garbage: 2 })
      assert.deepEqual(opened.tally.said, {})
      assert.match(opened.cache.problem ?? '', /unexpected answer: not that of our script/)
    })
  }

  test('valid answers are accepted: the stub itself is not the reason', async () => {
    await using opened = await openCache(await answering('$2\r\nsb\r\n'))
    assert.deepEqual(await verdictsOf(opened, ...cacheRecords(2, 1)), ['stale', 'busy'])
    assert.deepEqual(opened.tally.bypasses, {})
  })

  for (const [reply, cause] of [
    ['-ERR whatever\r\n', 'refused'],
    ['-MISCONF Redis is configured to save RDB snapshots\r\n', 'refused'],
    ['-BUSY Redis is busy running a script\r\n', 'refused'],
    ['-LOADING of my own\r\n', 'loading'],
    ['-OOM command not allowed\r\n', 'out-of-memory'],
    ['-NOPERM no permissions\r\n', 'no-rights'],
    ['-NOAUTH Authentication required.\r\n', 'no-rights'],
    ['-READONLY replica\r\n', 'read-only'],
    ['-LOADINGS is no such word\r\n', 'refused'],
    ['-ERR READONLY is not how it begins\r\n', 'refused'],
  ] as const) {
    test(`${reply.trim()}: ${cause}`, async () => {
      await using opened = await openCache(await answering(reply))
      assert.deepEqual(await verdictsOf(opened, ...cacheRecords(2, 1)), ['fresh', 'fresh'])
      assert.deepEqual(opened.tally.bypasses, { [cause]: 2 })
    })
  }

  test('one that does not speak the protocol at all: everything is fresh', async () => {
    const stub = await startStub((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await using opened = await openCache(stub)
    assert.deepEqual(await verdictsOf(opened, ...cacheRecords(2, 1)), ['fresh', 'fresh'])
    assert.deepEqual(opened.tally.bypasses, { disconnected: 2 })
  })
})

describe('epochs', () => {
  test('unknown: nothing is asked and nothing confirmed, even if it is known by then', async () => {
    await using opened = await openEmpty()
    const before = await scripts()
    opened.epoch = undefined
    const begun = await opened.cache.begin([known, cacheRecord('a', 1)], newToken())
    assert.deepEqual(begun.verdicts, ['fresh', 'fresh'])
    assert.deepEqual(opened.tally.bypasses, { epoch: 2 })
    opened.epoch = 'first'
    await begun.confirm([cacheRecord('a', 1)])
    await begun.release([known])
    assert.deepEqual(opened.tally.bypasses, { epoch: 3 })
    assert.equal(await scripts(), before)
    assert.deepEqual(await verdictsOf(opened, cacheRecord('a', 1), known), ['fresh', 'stale'])
    assert.equal(opened.cache.problem, undefined, 'Redis is well')
  })

  test('a different one: keys of the previous epoch are not used, and are valid again when it returns', async () => {
    await using opened = await openEmpty()
    await opened.cache.begin([cacheRecord('a', 1)], newToken())
    opened.epoch = 'second'
    assert.deepEqual(await verdictsOf(opened, known, cacheRecord('a', 1)), ['fresh', 'fresh'])
    await commit(opened, cacheRecord('b', 1))
    assert.deepEqual(await verdictsOf(opened, cacheRecord('b', 1)), ['stale'])
    opened.epoch = 'first'
    assert.deepEqual(await verdictsOf(opened, known, cacheRecord('a', 1)), ['stale', 'busy'])
    assert.deepEqual(await verdictsOf(opened, cacheRecord('b', 1)), ['fresh'])
    assert.deepEqual(opened.tally.bypasses, {})
  })

  test('a batch that began under one is confirmed and released under it', async () => {
    await using opened = await openEmpty()
    const [done, failed] = [cacheRecord('done', 1), cacheRecord('failed', 1)]
    const begun = await opened.cache.begin([done, failed], newToken())
    opened.epoch = 'second'
    await begun.confirm([done])
    await begun.release([failed])
    assert.equal(await admin.get(watermark('done')), watermarkValue(done))
    assert.equal(await admin.exists(claim('failed')), 0)
    assert.deepEqual(await verdictsOf(opened, done), ['fresh'])
    opened.epoch = undefined
    await begun.confirm([failed])
    assert.equal(await admin.exists(watermark('failed')), 1)
  })

  for (const next of [undefined, 'second']) {
    test(`${next ? 'changed' : 'lost'} while the answer is on its way: no verdict of the old one counts`, async () => {
      await using opened = await openEmpty()
      await opened.cache.begin([cacheRecord('claimed', 1)], 'other')
      const said = { ...opened.tally.said }
      const asking = opened.cache.begin([known, cacheRecord('claimed', 1)], newToken())
      opened.epoch = next
      const begun = await asking
      assert.deepEqual(begun.verdicts, ['fresh', 'fresh'])
      assert.deepEqual(opened.tally.bypasses, { epoch: 2 })
      assert.deepEqual(opened.tally.said, said)
      // The row was written meanwhile, to a table of which nothing is known but that it was another one's.
      await begun.confirm([known])
      opened.epoch = next ?? 'third'
      assert.deepEqual(await verdictsOf(opened, known), ['fresh'])
    })
  }
})

describe('closing', () => {
  test('waits for calls in progress: an unawaited confirm is stored', async () => {
    const opened = await openEmpty()
    const records = cacheRecords(5000, 1)
    const begun = await opened.cache.begin(records, newToken())
    // Now a call takes two requests, and the second one is not sent before the first one is answered.
    await admin.call('SCRIPT', 'FLUSH')
    void begun.confirm(records)
    await opened[Symbol.asyncDispose]()
    assert.equal((await admin.keys('ingester:{*}:w:*')).length, 5001)
    assert.deepEqual(await admin.keys('ingester:{*}:c:*'), [])
    assert.deepEqual(opened.tally.bypasses, {})
  })

  test('afterwards everything is fresh, and nothing is sent, counted or logged', async () => {
    const opened = await openEmpty()
    const begun = await opened.cache.begin([cacheRecord('a', 1)], newToken())
    await opened[Symbol.asyncDispose]()
    const before = await scripts()
    const said = { ...opened.tally.said }
    assert.deepEqual(await verdictsOf(opened, known, known), ['fresh', 'fresh'])
    await begun.confirm([known])
    await begun.release([known])
    assert.equal(await scripts(), before)
    assert.deepEqual([opened.tally.said, opened.tally.bypasses], [said, {}])
    assert.deepEqual(opened.lines, [])
  })

  test('does not take long while the server is frozen', async () => {
    const opened = await openEmpty(asUsual)
    const thaw = await stopServer()
    const asking = opened.cache.begin(cacheRecords(3000, 1), newToken())
    const [, ms] = await timed(opened.cache[Symbol.asyncDispose]())
    assert.ok(ms < 900, `${ms} ms`)
    assert.equal((await asking).verdicts.length, 3000)
    await thaw()
  })

  for (const [what, hasProblem, spoil] of [
    ['all was well', false, async () => {}],
    ['the server is away', true, (proxy: TcpProxy) => proxy.refuse()],
    ['the server is frozen', true, async (proxy: TcpProxy) => proxy.freeze()],
  ] as const) {
    test(`leaves nothing that keeps the process alive: ${what}`, async () => {
      await using proxy = await TcpProxy.to(server.port)
      await using program = startProgram(process.execPath, [
        '--input-type=module',
        '-e',
        child(proxy.port, hasProblem),
      ])
      await program.said(/begun/)
      await spoil(proxy)
      program.signal('SIGUSR2')
      await program.said(/disposed/)
      const [code, ms] = await timed(program.ended)
      assert.equal(code, 0, program.stderr())
      assert.ok(ms < 1000, `it lived on for ${ms} ms`)
      assert.equal(program.stderr(), '')
    })
  }
})

/** A program that begins, waits for a signal, confirms without waiting, disposes, and has nothing more to do. */
function child(port: number, hasProblem: boolean): string {
  return `
    import { noLogger } from '#core/logger.ts'
    import { RedisCache } from '#redis/cache.ts'
    import { RedisConnection } from '#redis/connection.ts'
    import { systemClock } from '#runtime/clock.ts'
    const cache = new RedisCache({
      connection: new RedisConnection({ host: '127.0.0.1', port: ${port}, db: 0, tls: false }),
      ttlMs: 1000, claims: true,
      pipeline: { name: 'child', format: 1 }, epoch: () => 'first', isStill: async () => true,
      observer: {}, logger: noLogger, clock: systemClock,
    })
    await cache.firstAttempt()
    const records = [{ key: 'k', version: 1n, content: '' }]
    const begun = await cache.begin(records, 'token')
    const alive = setInterval(() => {}, 1000)
    process.once('SIGUSR2', async () => {
      clearInterval(alive)
      void begun.confirm(records)
      do await cache.begin(records, 'token')
      while (${hasProblem} && !cache.problem)
      void begun.release(records)
      await cache[Symbol.asyncDispose]()
      console.log('disposed')
    })
    console.log('begun')`
}

const proxyAddress = ({ port }: TcpProxy) => ({ host: '127.0.0.1', port })

/** Returns what ends it. */
async function pauseServer(ms = 1500): Promise<() => Promise<void>> {
  await admin.call('CLIENT', 'PAUSE', `${ms}`, 'ALL')
  // The server answers this when the pause is over.
  return async () => {
    await admin.ping()
  }
}

async function stopServer(): Promise<() => Promise<void>> {
  process.kill(server.pid, 'SIGSTOP')
  const thaw = async () => void process.kill(server.pid, 'SIGCONT')
  atEnd(thaw)
  return thaw
}

function assertPttl(ms: number, full: number): void {
  assert.ok(ms > full - 5000 && ms <= full, `${ms} of ${full} ms`)
}

/** A server that answers whatever it is asked with what `answer` makes of it. */
async function startStub(connected: (socket: Socket) => void): Promise<{ host: string; port: number }> {
  const stub = createServer((socket) => {
    socket.on('error', () => {})
    socket.setNoDelay(true)
    connected(socket)
  })
  stub.listen(0, '127.0.0.1')
  await once(stub, 'listening')
  atEnd(() => stub.close())
  return { host: '127.0.0.1', port: (stub.address() as AddressInfo).port }
}

/** As an old Redis without the newer protocol; the script, and nothing else, is answered with `reply`. */
function answering(reply: string): Promise<{ host: string; port: number }> {
  const answers: Readonly<Record<string, string>> = {
    HELLO: `-ERR unknown command 'HELLO'\r\n`,
    EVALSHA: reply,
    EVAL: reply,
  }
  return startStub((socket) => {
    let rest = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      rest += chunk
      for (let words = requestIn(rest); words; words = requestIn(rest)) {
        rest = rest.slice(words.length)
        socket.write(answers[words.name] ?? '+OK\r\n')
      }
    })
  })
}

/** The first request in a stream, as soon as all of it is there: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`. */
function requestIn(text: string): { name: string; length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text)
  if (!head) return undefined
  let at = head[0].length
  let name = ''
  for (let word = 0; word < Number(head[1]); word += 1) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20))
    if (!size) return undefined
    const start = at + size[0].length
    at = start + Number(size[1]) + 2
    if (text.length < at) return undefined
    if (word === 0) name = text.slice(start, at - 2).toUpperCase()
  }
  return { name, length: at }
}
