import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { RateWindow, SharedRateLimits } from '#core/rate-limits.ts'
import { RawClient, startTestGateway } from '../../test/support/gateway.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { limitedClient } from './client-address.ts'
import { RateLimiter } from './rate-limiter.ts'

const rateLimit = { requests: 3, perMs: 60_000 }
const linux = process.platform === 'linux'

const rateHeaders = ({ headers }: Response) =>
  ['limit', 'remaining', 'reset', 'policy'].map((name) => headers.get(`ratelimit-${name}`))

describe('a rate limit', { concurrent: true }, () => {
  test('is told with each answer, refuses what exceeds it, and ends with its window', async () => {
    const clock = new VirtualClock()
    await using started = await startTestGateway({ rateLimit, clock })
    assert.deepEqual(rateHeaders(await started.post('a')), ['3', '2', '60', '3;w=60'])
    await clock.advance(500)
    // Whatever is asked counts.
    assert.equal((await fetch(`${started.url}/nothing`)).status, 404)
    const last = await started.post('bad')
    assert.deepEqual([last.status, ...rateHeaders(last)], [400, '3', '0', '60', '3;w=60'])
    await clock.advance(9500)
    for (let i = 0; i < 5; i += 1) {
      const refused = await started.post('a')
      assert.deepEqual(
        [refused.status, refused.headers.get('retry-after'), ...rateHeaders(refused)],
        [429, '50', '3', '0', '50', '3;w=60'],
      )
      assert.deepEqual(await refused.json(), { error: 'too many requests' })
    }
    await clock.advance(50_000)
    assert.deepEqual(rateHeaders(await started.post('a')), ['3', '2', '60', '3;w=60'])
    assert.equal(started.publishing.published.length, 2)
  })

  test('does not hold for probes', async () => {
    await using started = await startTestGateway({ rateLimit })
    for (let i = 0; i < 5; i += 1) {
      assert.equal((await fetch(`${started.url}/healthz`)).status, 200)
      assert.equal((await fetch(`${started.url}/readyz`)).status, 200)
    }
    assert.equal((await started.post('a')).headers.get('ratelimit-remaining'), '2')
  })

  test('holds for those without a token, too', async () => {
    await using started = await startTestGateway({ rateLimit, tokens: () => 'secret' })
    for (const status of [401, 401, 401, 429]) assert.equal((await started.post('a')).status, status)
  })

  test('is off without the option', async () => {
    await using started = await startTestGateway()
    assert.deepEqual(rateHeaders(await started.post('a')), [null, null, null, null])
  })

  test.runIf(linux)('is for each address', async () => {
    await using started = await startTestGateway({ rateLimit: { requests: 1, perMs: 60_000 } })
    const statusFrom = async (address: string) => {
      using client = new RawClient(started.url, address)
      return (await client.send('POST /words', '"a"').until(/ (\d+) /)).slice(9, 12)
    }
    assert.deepEqual([await statusFrom('127.0.0.1'), await statusFrom('127.0.0.1')], ['200', '429'])
    assert.deepEqual([await statusFrom('127.0.0.2'), await statusFrom('127.0.0.2')], ['200', '429'])
  })
})

describe('the address of a client', { concurrent: true }, () => {
  /** What the log says it is. */
  async function clientOf(trustedProxies: readonly string[], ...forwarded: readonly string[]) {
    await using started = await startTestGateway({ trustedProxies, rateLimit })
    const client = new RawClient(started.url)
    const headers = forwarded.map((one) => `X-Forwarded-For: ${one}`)
    client.send('POST /words', '"a"', [...headers, 'Connection: close'])
    await client.closed()
    return started.lines[0]?.[2]['client']
  }

  test('is that of the connection where no trusted proxy says another', async () => {
    assert.equal(await clientOf([], '9.9.9.9'), '127.0.0.1')
    assert.equal(await clientOf(['10.0.0.0/8'], '9.9.9.9'), '127.0.0.1')
    assert.equal(await clientOf(['127.0.0.1']), '127.0.0.1')
  })

  test('is the last that a trusted proxy has seen; what a client writes before it does not count', async () => {
    for (const trusted of ['127.0.0.1', '127.0.0.0/8', ' 127.0.0.1/32 ', '0.0.0.0/0'].slice(0, 3))
      assert.equal(await clientOf([trusted], '1.1.1.1, 9.9.9.9'), '9.9.9.9', trusted)
    const two = ['127.0.0.1', '10.0.0.0/8', 'fd00::/8']
    assert.equal(await clientOf(two, '1.1.1.1, 9.9.9.9, 10.2.3.4'), '9.9.9.9')
    assert.equal(await clientOf(two, '1.1.1.1,2001:db8::7,fd00::1 , 10.2.3.4'), '2001:db8::7')
    assert.equal(await clientOf(two, '1.1.1.1', '9.9.9.9', '10.2.3.4'), '9.9.9.9')
    assert.equal(await clientOf(two, '10.9.9.9, 10.2.3.4'), '10.9.9.9', 'all are trusted: the first')
  })

  test('may have a port; behind what is no address nothing counts', async () => {
    const trusted = ['127.0.0.1', '10.0.0.1']
    assert.equal(await clientOf(trusted, '9.9.9.9:1234'), '9.9.9.9')
    assert.equal(await clientOf(trusted, '[2001:db8::7]:1234'), '2001:db8::7')
    assert.equal(await clientOf(trusted, '::ffff:9.9.9.9'), '9.9.9.9')
    for (const text of ['unknown', '', '9.9.9.9, ', '9.9.9.999'])
      assert.equal(await clientOf(trusted, text), '127.0.0.1', text)
    assert.equal(await clientOf(trusted, '9.9.9.9, unknown, 10.0.0.1'), '10.0.0.1')
  })

  test('a proxy that is no address is refused at start', async () => {
    for (const one of ['caddy', '10.0.0.0/33', '::/129', '10.0.0.0/', '1.2.3.4/8/8', ''])
      await assert.rejects(startTestGateway({ trustedProxies: [one] }), RangeError, one)
  })

  test('for a limit is its network of 64 bits if it is of IPv6', () => {
    const same = ['2001:db8::1', '2001:db8:0:0:ffff::', '2001:DB8::1.2.3.4', '2001:0db8:0:0:1:2:3:4%eth0']
    for (const one of same) assert.equal(limitedClient(one), '2001:db8:0:0::/64', one)
    assert.notEqual(limitedClient('2001:db8:0:1::1'), limitedClient('2001:db8::1'))
    assert.equal(limitedClient('::1'), '0:0:0:0::/64')
    assert.equal(limitedClient('1:2:3:4:5:6:7:8'), '1:2:3:4::/64')
    assert.equal(limitedClient('1::'), '1:0:0:0::/64')
    assert.equal(limitedClient('::ffff:102:304'), '1.2.3.4')
    assert.equal(limitedClient('1.2.3.4'), '1.2.3.4')
    assert.equal(limitedClient(''), '')
  })
})

describe('shared counts', { concurrent: true }, () => {
  class FakeShared implements SharedRateLimits {
    asked = 0
    window: RateWindow | undefined | 'away' = 'away'
    count(): Promise<RateWindow | undefined> | undefined {
      if (this.window === 'away') return undefined
      this.asked += 1
      if (this.window) this.window = { ...this.window, used: this.window.used + 1 }
      return Promise.resolve(this.window)
    }
  }

  test('decide while they are there; without them each counts on for itself', async () => {
    const shared = new FakeShared()
    const clock = new VirtualClock()
    await using started = await startTestGateway({ rateLimit, sharedRateLimits: shared, clock })
    shared.window = { used: 0, endsInMs: 30_000 }
    assert.deepEqual(rateHeaders(await started.post('a')), ['3', '2', '30', '3;w=60'])
    shared.window = { used: 1, endsInMs: 30_000 }
    assert.deepEqual(rateHeaders(await started.post('a')), ['3', '1', '30', '3;w=60'])
    shared.window = undefined
    assert.deepEqual(rateHeaders(await started.post('a')), ['3', '0', '30', '3;w=60'])
    shared.window = 'away'
    assert.equal((await started.post('a')).status, 429)
    await clock.advance(30_000)
    for (const status of [200, 200, 200, 429]) assert.equal((await started.post('a')).status, status)
  })

  test('are not asked about a client that has used up its window', async () => {
    const shared = new FakeShared()
    shared.window = { used: 3, endsInMs: 30_000 }
    await using started = await startTestGateway({ rateLimit, sharedRateLimits: shared })
    for (let i = 0; i < 5; i += 1) assert.equal((await started.post('a')).status, 429)
    assert.equal(shared.asked, 1)
  })
})

describe('a rate limiter', () => {
  test('keeps a bounded number of windows, the newest', () => {
    const clock = new VirtualClock()
    const limiter = new RateLimiter({ requests: 1, perMs: 1000, shared: undefined, clock, maxClients: 100 })
    const allows = (client: string) => {
      const verdict = limiter.count(client)
      assert.ok(!(verdict instanceof Promise))
      return verdict.isAllowed
    }
    for (let i = 0; i < 100_000; i += 1) assert.equal(allows(`client ${i}`), true)
    for (let i = 99_900; i < 100_000; i += 1) assert.equal(allows(`client ${i}`), false)
    assert.equal(allows('client 99899'), true, 'forgotten')
  })

  test('forgets the windows that are over', async () => {
    const clock = new VirtualClock()
    const limiter = new RateLimiter({ requests: 1, perMs: 1000, shared: undefined, clock })
    for (let i = 0; i < 1000; i += 1) void limiter.count(`old ${i}`)
    await clock.advance(1000)
    for (let i = 0; i < 500; i += 1) void limiter.count(`new ${i}`)
    assert.equal(limiter.size, 500)
  })
})
