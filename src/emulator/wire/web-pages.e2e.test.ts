import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, describe, test } from 'vitest'
import { Client, credentials } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { statusCodes } from '../broker/status.ts'
import type { Emulator } from '../emulator.ts'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0, faultRoutes: true })
afterAll(() => emulator.close())

interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: RequestOptions['headers']
  readonly body?: string
}

/** As no client would do it who has to keep to what may be sent: `fetch` sets the host itself. */
async function send({ method = 'POST', path, headers = {}, body = '' }: Sent, to: Emulator = emulator) {
  const sent = request({ host: '127.0.0.1', port: to.port, agent: false, method, path, headers })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, head: response.headers, body: await text(response) }
}

async function place(at: Emulator = emulator) {
  const project = `projects/p-${randomUUID()}`
  const [topic, subscription] = [`${project}/topics/topic`, `${project}/subscriptions/subscription`]
  await send({ method: 'PUT', path: `/v1/${topic}` }, at)
  await send({ method: 'PUT', path: `/v1/${subscription}`, body: JSON.stringify({ topic }) }, at)
  at.publish(topic, [{ data: Buffer.from('kept') }])
  return { topic, subscription }
}

/** Publishes nothing to nowhere, and returns how that ends. */
async function callGrpc(to: Emulator, authority: string): Promise<ServiceError> {
  const client = new Client(`127.0.0.1:${to.port}`, credentials.createInsecure(), {
    'grpc.default_authority': authority,
    'grpc.use_local_subchannel_pool': 1,
  })
  const asIs = (bytes: Buffer) => bytes
  const { promise, resolve, reject } = Promise.withResolvers<ServiceError>()
  client.makeUnaryRequest('/google.pubsub.v1.Publisher/Publish', asIs, asIs, Buffer.alloc(0), (error) =>
    error ? resolve(error) : reject(new Error('it did not fail')),
  )
  return await promise.finally(() => client.close())
}

const plain = { 'content-type': 'text/plain' }

/** What a page could do with a form or a `no-cors` fetch: no preflight is made for these. */
const pageRequests = ({ topic, subscription }: Awaited<ReturnType<typeof place>>): Sent[] => [
  { path: `/v1/${topic}:publish`, body: '{"messages":[{"data":"eA=="}]}' },
  { path: `/v1/${subscription}:pull`, body: '{"maxMessages":10}' },
  { path: `/v1/${subscription}:seek`, body: '{"time":"2999-01-01T00:00:00Z"}' },
  { path: `/v1/${subscription}:detach` },
  { path: '/faults', body: '{"pause":true}' },
  { method: 'GET', path: `/inspect/${subscription}` },
  { method: 'DELETE', path: `/v1/${topic}` },
  { method: 'PUT', path: `/v1/${topic}` },
  { method: 'OPTIONS', path: `/v1/${topic}` },
  { method: 'GET', path: `/v1/${topic}` },
  { method: 'GET', path: '/' },
]

describe('requests', { concurrent: true }, () => {
  test('from web pages with a foreign origin or host are rejected, whatever they ask for, and not executed', async () => {
    const there = await place()
    for (const foreign of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { host: 'evil.example:8085' },
      { host: `evil.example:${emulator.port}`, origin: `http://evil.example:${emulator.port}` },
      { host: `localhost:${emulator.port}`, origin: 'http://evil.example' },
    ]) {
      for (const one of pageRequests(there)) {
        const { status, body } = await send({ ...one, headers: { ...plain, ...foreign } })
        const story = `${one.method ?? 'POST'} ${one.path} ${JSON.stringify(foreign)}: ${body}`
        assert.equal(status, 403, story)
        assert.equal(JSON.parse(body).error.status, 'PERMISSION_DENIED', story)
        assert.match(JSON.parse(body).error.message, /--allow-host/)
      }
    }
    const whole = `http://evil.example/v1/${there.topic}`
    assert.equal(
      (await send({ method: 'DELETE', path: whole })).status,
      403,
      'the target names the host, too',
    )
    const { counts, messages } = emulator.inspect(there.subscription)
    assert.deepEqual([counts.available, messages.map(({ data }) => data.toString())], [1, ['kept']])
  })

  test('from web pages of this machine are served, without CORS headers', async () => {
    for (const headers of [
      { origin: 'http://localhost:3000' },
      { origin: `http://127.0.0.1:${emulator.port}`, host: `127.0.0.1:${emulator.port}` },
      { origin: 'http://[::1]:3000', host: 'localhost' },
    ]) {
      const { topic, subscription } = await place()
      const [publish = { path: '' }] = pageRequests({ topic, subscription })
      const { status, head } = await send({ ...publish, headers: { ...plain, ...headers } })
      assert.equal(status, 200)
      assert.deepEqual(
        Object.keys(head).filter((name) => name.startsWith('access-control')),
        [],
      )
      assert.partialDeepStrictEqual(head, { 'x-content-type-options': 'nosniff' })
    }
  })

  test('by allowed names are served', async () => {
    await using open = await startEmulator({ port: 0, host: '0.0.0.0', allowHosts: ['pubsub'] })
    const there = await place(open)
    const [publish = { path: '' }] = pageRequests(there)
    assert.equal((await send({ ...publish, headers: { host: 'pubsub:8085' } }, open)).status, 200)
    assert.equal((await send({ ...publish, headers: { origin: 'http://pubsub' } }, open)).status, 200)
    assert.equal((await send({ ...publish, headers: { host: 'other:8085' } }, open)).status, 403)
  })

  test('gRPC clients that use a foreign name are rejected on loopback', async () => {
    const { code, details } = await callGrpc(emulator, 'evil.example:8085')
    assert.equal(code, statusCodes.PERMISSION_DENIED)
    assert.match(details, /"evil\.example:8085".*--allow-host/)
    for (const own of ['localhost:1', '127.0.0.1', '[::1]:8085'])
      assert.equal((await callGrpc(emulator, own)).code, statusCodes.INVALID_ARGUMENT, own)
  })

  test('gRPC clients that use any name are served if the emulator is open to a network', async () => {
    await using open = await startEmulator({ port: 0, host: '0.0.0.0' })
    assert.equal((await callGrpc(open, 'pubsub:8085')).code, statusCodes.INVALID_ARGUMENT)
  })
})
