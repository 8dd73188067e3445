import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'vitest'
import type { Fields, Logger } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import type { AdminServerOptions } from './admin-server.ts'
import { startAdminServer } from './admin-server.ts'
import type { ReadinessReport } from './readiness.ts'
import { emptyMetrics, readinessOf } from '../../test/support/measured.ts'
import { skippedFor } from '../../test/support/skip.ts'

const metrics = emptyMetrics()

const start = (options: Partial<AdminServerOptions> = {}) =>
  startAdminServer({
    host: '127.0.0.1',
    port: 0,
    metrics,
    ...readinessOf(),
    logger: noLogger,
    ...options,
  })

const json = 'application/json'
const typeOf = (response: Response) => response.headers.get('content-type')

describe('the admin server', () => {
  test('/healthz says that the process is alive, ready or not', async () => {
    await using server = await start(
      readinessOf(
        () => ['PostgreSQL is away'],
        () => ['Redis: no answer'],
      ),
    )
    const response = await fetch(`${server.url}/healthz`)
    assert.deepEqual([response.status, typeOf(response)], [200, json])
    assert.deepEqual(await response.json(), { status: 'alive' })
  })

  test('/readyz is 200 while it consumes, 503 with the reasons while it does not, and 200 again', async () => {
    let reasons: string[] = []
    await using server = await start(readinessOf(() => reasons))
    const ready = async () => {
      const response = await fetch(`${server.url}/readyz`)
      const { pipelines, ...report } = (await response.json()) as ReadinessReport
      assert.deepEqual(pipelines, { scans: report })
      return [response.status, typeOf(response), report]
    }
    assert.deepEqual(await ready(), [200, json, { status: 'ready', reasons: [] }])
    reasons = ['table scan_results is missing', 'Pub/Sub: no stream is open']
    assert.deepEqual(await ready(), [503, json, { status: 'not ready', reasons }])
    reasons = []
    assert.deepEqual(await ready(), [200, json, { status: 'ready', reasons: [] }])
  })

  test('/readyz is 200 and degraded, with the reasons, while only an optional part is unavailable', async () => {
    let lesser: string[] = []
    await using server = await start(
      readinessOf(
        () => [],
        () => lesser,
      ),
    )
    const ready = async () => {
      const response = await fetch(`${server.url}/readyz`)
      const { pipelines, ...report } = (await response.json()) as ReadinessReport
      assert.deepEqual(pipelines, { scans: report })
      return [response.status, typeOf(response), report]
    }
    lesser = ['Redis: no answer', 'Redis: which state of the table it knows of is not known']
    assert.deepEqual(await ready(), [200, json, { status: 'degraded', reasons: lesser }])
    lesser = []
    assert.deepEqual(await ready(), [200, json, { status: 'ready', reasons: [] }])
  })

  test('/readyz is 503 if it does not consume and an optional part is unavailable, with both reasons', async () => {
    await using server = await start(
      readinessOf(
        () => ['PostgreSQL is away'],
        () => ['Redis: no answer'],
      ),
    )
    const response = await fetch(`${server.url}/readyz`)
    assert.deepEqual([response.status, typeOf(response)], [503, json])
    const reasons = ['PostgreSQL is away', 'Redis: no answer']
    const report = { status: 'not ready', reasons }
    assert.deepEqual(await response.json(), { ...report, pipelines: { scans: report } })
  })

  test('/readyz of several pipelines is 503 while one of them does not consume, and says which', async () => {
    const stuck = { notReadyBecause: ['table orders is missing'], degradedBecause: [] }
    const fine = { notReadyBecause: [], degradedBecause: [] }
    let orders = stuck as typeof fine
    let scans = fine
    await using server = await start({
      notReadyBecause: () => [],
      pipelines: () => [
        { name: 'orders', ...orders },
        { name: 'scans', ...scans },
      ],
    })
    const ask = async (query: string) => {
      const response = await fetch(`${server.url}/readyz${query}`)
      return [response.status, (await response.json()) as ReadinessReport] as const
    }
    const reasons = ['orders: table orders is missing']
    const [code, report] = await ask('')
    assert.deepEqual([code, report.status, report.reasons], [503, 'not ready', reasons])
    assert.deepEqual(report.pipelines, {
      orders: { status: 'not ready', reasons: stuck.notReadyBecause },
      scans: { status: 'ready', reasons: [] },
    })
    const [codeOfAny, ofAny] = await ask('?any')
    assert.deepEqual([codeOfAny, ofAny.status, ofAny.reasons], [200, 'degraded', reasons])
    for (const no of ['?any=0', '?any=false', '?any=no', '?all']) assert.equal((await ask(no))[0], 503, no)
    for (const yes of ['?any=', '?any=1', '?any=true']) assert.equal((await ask(yes))[0], 200, yes)
    scans = stuck as typeof fine
    assert.equal((await ask('?any'))[0], 503, 'none consumes')
    orders = scans = fine
    assert.deepEqual((await ask(''))[0], 200)
  })

  test('/readyz?any is 503 where the process as a whole ends', async () => {
    await using server = await start({ ...readinessOf(), notReadyBecause: () => ['stopping'] })
    const response = await fetch(`${server.url}/readyz?any`)
    assert.deepEqual(
      [response.status, ((await response.json()) as ReadinessReport).reasons],
      [503, ['stopping']],
    )
  })

  test('/metrics is Prometheus text', async () => {
    await using server = await start()
    const response = await fetch(`${server.url}/metrics`)
    assert.deepEqual([response.status, typeOf(response)], [200, 'text/plain; version=0.0.4; charset=utf-8'])
    assert.match(await response.text(), /^ingester_build_info\{version="1.2.3"\} 1$/m)
  })

  test('a query is ignored', async () => {
    await using server = await start()
    assert.equal((await fetch(`${server.url}/healthz?verbose=1`)).status, 200)
  })

  test('/ lists its paths as plain text', async () => {
    await using server = await start()
    for (const path of ['', '/', '/?verbose=1']) {
      const response = await fetch(`${server.url}${path}`)
      assert.deepEqual([response.status, typeOf(response)], [200, 'text/plain; charset=utf-8'])
      const lines = (await response.text()).trimEnd().split('\n')
      assert.deepEqual(
        lines.map((line) => line.split(' ', 1)[0]),
        ['/healthz', '/readyz', '/metrics'],
      )
    }
  })

  test('no response is cached, or sniffed as another type', async () => {
    await using server = await start()
    for (const path of ['/', '/healthz', '/readyz', '/metrics', '/nothing']) {
      const { headers } = await fetch(`${server.url}${path}`)
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
      assert.equal(headers.get('cache-control'), 'no-store', path)
    }
  })

  test('any other path is 404, as JSON that names the existing ones', async () => {
    await using server = await start()
    for (const path of ['/health', '/healthz/', '/constructor', '/__proto__', '/%']) {
      const response = await fetch(`${server.url}${path}`)
      assert.deepEqual([response.status, typeOf(response)], [404, json], path)
      assert.deepEqual(await response.json(), {
        error: 'not found',
        paths: ['/healthz', '/readyz', '/metrics'],
      })
    }
  })

  test('other methods are 405, which names the allowed ones', async () => {
    await using server = await start()
    for (const path of ['/metrics', '/']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const response = await fetch(`${server.url}${path}`, { method })
        assert.deepEqual([response.status, typeOf(response)], [405, json], method)
        assert.equal(response.headers.get('allow'), 'GET, HEAD')
        assert.deepEqual(await response.json(), { error: 'only GET' })
      }
    }
  })

  test('HEAD is GET without the body', async () => {
    await using server = await start(readinessOf(() => ['stopping']))
    for (const [path, status] of [
      ['/', 200],
      ['/healthz', 200],
      ['/readyz', 503],
      ['/metrics', 200],
      ['/x', 404],
    ] as const) {
      const response = await fetch(`${server.url}${path}`, { method: 'HEAD' })
      assert.deepEqual([response.status, await response.text()], [status, ''], path)
    }
  })

  test('a failing request is logged and closed; the next one is answered', async () => {
    const logged: [Fields, string][] = []
    const logger: Logger = { ...noLogger, error: (fields, message) => logged.push([fields, message]) }
    let broken = true
    const fragile = { ...metrics, text: async () => (broken ? assert.fail('broken') : metrics.text()) }
    await using server = await start({ logger, metrics: fragile })
    await assert.rejects(fetch(`${server.url}/metrics`))
    assert.deepEqual(logged, [[{ error: 'broken' }, 'admin request failed']])
    broken = false
    assert.equal((await fetch(`${server.url}/metrics`)).status, 200)
  })

  test('the URL of an IPv6 address has brackets', skippedFor(!hasIpv6() && 'no IPv6 here'), async () => {
    await using server = await start({ host: '::1' })
    assert.match(server.url, /^http:\/\/\[::1\]:\d+$/)
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
  })

  test('a taken port is an error, not silence', async (t) => {
    const other = createServer().listen(0, '127.0.0.1')
    t.onTestFinished(() => void other.close())
    await once(other, 'listening')
    const address = other.address()
    assert.ok(typeof address === 'object' && address)
    await assert.rejects(start({ port: address.port }), { code: 'EADDRINUSE' })
  })

  test('when disposed it is gone, and waits for no request', async (t) => {
    const asked = Promise.withResolvers<void>()
    const stuck = Promise.withResolvers<string>()
    t.onTestFinished(() => stuck.resolve(''))
    const endless = {
      ...metrics,
      text: () => {
        asked.resolve()
        return stuck.promise
      },
    }
    const server = await start({ metrics: endless })
    const cutOff = assert.rejects(fetch(`${server.url}/metrics`))
    await asked.promise
    await server[Symbol.asyncDispose]()
    await cutOff
    await assert.rejects(fetch(`${server.url}/healthz`))
  })
})

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
}
