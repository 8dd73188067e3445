// Caddy with the Caddyfile of increments, in front of gateways that do what a test says. Skipped where it is not installed.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, test } from 'vitest'
import { startCaddy } from '#stack/caddy.ts'
import { freePort, host } from '#stack/ports.ts'
import { caddy, withoutCaddy } from '../../../test/support/caddy.ts'
import { skippedFor } from '../../../test/support/skip.ts'
import { until } from '../../../test/support/postgres.ts'
import { within } from '../../../test/support/within.ts'

const file = join(import.meta.dirname, 'Caddyfile')
const run = promisify(execFile)

type Answer = (request: IncomingMessage, response: ServerResponse) => void

interface Gateway extends AsyncDisposable {
  readonly address: string
  /** Requests that came through, but for health checks. */
  readonly arrivals: IncomingMessage[]
  isReady: boolean
  answer: Answer
  close(): Promise<void>
}

const accept: Answer = (request, response) => {
  request.resume().on('end', () => response.end())
}

async function startGateway(): Promise<Gateway> {
  const server = createServer((request, response) => {
    if (request.url === '/readyz') {
      response.statusCode = gateway.isReady ? 200 : 503
      response.end()
      return
    }
    gateway.arrivals.push(request)
    gateway.answer(request, response)
  })
  server.listen({ host, port: 0 })
  await once(server, 'listening')
  const close = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  const gateway: Gateway = {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    arrivals: [],
    isReady: true,
    answer: accept,
    close,
    [Symbol.asyncDispose]: close,
  }
  return gateway
}

/** @param others addresses beside those of three gateways */
async function startAll(...others: string[]) {
  const all = new AsyncDisposableStack()
  const gateways = await Promise.all([startGateway(), startGateway(), startGateway()])
  for (const gateway of gateways) all.use(gateway)
  const upstreams = [...gateways.map(({ address }) => address), ...others]
  const service = all.use((await startCaddy({ port: 0, file, upstreams })) ?? assert.fail('no caddy'))
  const url = `http://${host}:${service.port}`
  const post = (headers: Record<string, string> = {}) =>
    fetch(`${url}/increment`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"key":"5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90","value":1}',
    })
  return Object.assign(all, {
    gateways,
    port: service.port,
    url,
    post,
    counts: () => gateways.map(({ arrivals }) => arrivals.length),
    total: () => gateways.reduce((sum, { arrivals }) => sum + arrivals.length, 0),
    /** When Caddy's health checks have seen it. */
    ready: async (gateway: Gateway, isReady: boolean) => {
      gateway.isReady = isReady
      const isUsed = async () => {
        const before = gateway.arrivals.length
        for (let i = 0; i < 3; i++) await post()
        return gateway.arrivals.length > before
      }
      await until(async () => (await isUsed()) === isReady)
    },
  })
}

const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code

describe('the Caddyfile', skippedFor(withoutCaddy), () => {
  const command = caddy ?? ''

  test('is valid, and in the format of caddy', async () => {
    await run(command, ['validate', '--adapter', 'caddyfile', '--config', file])
    const { stdout } = await run(command, ['fmt', file])
    assert.equal(stdout, await readFile(file, 'utf8'))
  })

  test('without variables it is that of docker-compose.yml', async () => {
    const { stdout } = await run(command, ['adapt', '--adapter', 'caddyfile', '--config', file], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    })
    assert.match(stdout, /"listen":\["0\.0\.0\.0:8080"\]/)
    for (const n of [1, 2, 3]) assert.ok(stdout.includes(`{"dial":"gateway-${n}:8080"}`))
  })

  test('gateways take turns, and each knows the client, whatever that says of itself', async () => {
    await using all = await startAll()
    for (let i = 0; i < 9; i++) {
      const response = await all.post({ 'x-forwarded-for': '203.0.113.9', 'x-request-id': `request-${i}` })
      assert.deepEqual([response.status, await response.text()], [200, ''])
    }
    assert.deepEqual(all.counts(), [3, 3, 3])
    for (const { headers } of all.gateways.flatMap(({ arrivals }) => arrivals)) {
      assert.equal(headers['x-forwarded-for'], host)
      assert.match(String(headers['x-request-id']), /^request-\d$/)
    }
  })

  test('a gateway that is down costs no request: each arrives once, at another', async () => {
    await using all = await startAll(`${host}:${await freePort(0)}`)
    const responses = await Promise.all(Array.from({ length: 30 }, () => all.post()))
    assert.deepEqual([...new Set(responses.map(({ status }) => status))], [200])
    assert.equal(all.total(), 30)
  })

  test('what a gateway may have received is not sent again, with a key or without', async () => {
    await using all = await startAll()
    for (const gateway of all.gateways)
      gateway.answer = (request) => request.resume().on('end', () => request.socket.destroy())
    for (const headers of [{}, { 'idempotency-key': 'a' }] as Record<string, string>[]) {
      const before = all.total()
      const response = await all.post(headers)
      assert.deepEqual([response.status, await codeOf(response)], [503, 'outcome-unknown'])
      assert.equal(response.headers.get('content-type'), 'application/json')
      assert.equal(response.headers.get('retry-after'), '1')
      assert.equal(all.total(), before + 1)
    }
  })

  test('the answer of a gateway is passed on as it is, and is no reason to avoid that gateway', async () => {
    await using all = await startAll()
    for (const gateway of all.gateways)
      gateway.answer = (request, response) => {
        request.resume()
        response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '7' })
        response.end('{"error":"no broker","code":"not-sent"}')
      }
    for (let i = 0; i < 6; i++) {
      const response = await all.post()
      assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '7'])
      assert.deepEqual(await response.json(), { error: 'no broker', code: 'not-sent' })
    }
    assert.deepEqual(all.counts(), [2, 2, 2])
  })

  test('a gateway that is not ready gets nothing; without any, nothing is sent', async () => {
    await using all = await startAll()
    await all.ready(all.gateways[0], false)
    const before = all.gateways[0].arrivals.length
    for (let i = 0; i < 6; i++) assert.equal((await all.post()).status, 200)
    assert.equal(all.gateways[0].arrivals.length, before)
    await all.ready(all.gateways[1], false)
    all.gateways[2].isReady = false
    await until(async () => (await all.post()).status === 503)
    const sent = all.total()
    const response = await all.post()
    assert.deepEqual([response.status, await codeOf(response)], [503, 'not-sent'])
    assert.equal(all.total(), sent)
    await all.ready(all.gateways[0], true)
    assert.equal((await all.post()).status, 200)
  })

  test('with no gateway at all, nothing was sent or it is unknown', async () => {
    await using all = await startAll()
    for (const gateway of all.gateways) await gateway.close()
    const response = await all.post()
    assert.equal(response.status, 503)
    assert.match(await codeOf(response), /^(not-sent|outcome-unknown)$/)
  })

  test('bodies that stop half-way take no gateway away from others', async () => {
    await using all = await startAll()
    // As a gateway does that has waited long enough.
    for (const gateway of all.gateways)
      gateway.answer = (request, response) => {
        if (request.headers['content-length'] === '1000') request.socket.destroy()
        else accept(request, response)
      }
    const stopped = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const socket = connect(all.port, host)
        socket.write('POST /increment HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{"key":')
        const [bytes] = (await within('an answer', once(socket, 'data'))) as [Buffer]
        socket.destroy()
        return bytes.toString()
      }),
    )
    for (const text of stopped) assert.match(text, /^HTTP\/1\.1 503 /)
    for (let i = 0; i < 6; i++) assert.equal((await all.post()).status, 200)
  })

  test('what is for who operates the gateways does not come through', async () => {
    await using all = await startAll()
    for (const path of ['/metrics', '/readyz']) {
      const response = await fetch(`${all.url}${path}`)
      assert.deepEqual([response.status, await response.json()], [404, { error: 'not found' }])
    }
    assert.equal(all.total(), 0)
    assert.equal((await fetch(`${all.url}/openapi.json`)).status, 200)
    assert.equal(all.total(), 1)
  })

  test('it listens on the address that it is given', async () => {
    await using all = await startAll()
    // A server on all addresses would have this one as well.
    const socket = connect(all.port, '127.0.0.2')
    await assert.rejects(once(socket, 'connect'), /ECONNREFUSED/)
  })
})
