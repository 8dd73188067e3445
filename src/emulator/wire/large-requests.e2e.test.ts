import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { RequestOptions } from 'node:http'
import { request } from 'node:http'
import { afterAll, describe, test } from 'vitest'
import { Client, credentials } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { within } from '../../../test/support/within.ts'
import { statusCodes } from '../broker/status.ts'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0, faultRoutes: true })
afterAll(() => emulator.close())

const call = (method: string, path: string, body?: string) =>
  fetch(`http://${emulator.emulatorHost}${path}`, { method, ...(body === undefined ? {} : { body }) })

async function place() {
  const project = `projects/p-${randomUUID()}`
  const [topic, subscription] = [`${project}/topics/topic`, `${project}/subscriptions/subscription`]
  await call('PUT', `/v1/${topic}`)
  await call('PUT', `/v1/${subscription}`, JSON.stringify({ topic }))
  return { topic, subscription }
}

/** Begins a request whose body never ends, and goes on with it until it is answered. */
async function sendWithoutEnd(path: string, headers: RequestOptions['headers'] = {}) {
  const piece = Buffer.alloc(64 * 1024, ' ')
  const answered = Promise.withResolvers<number>()
  const sent = request({
    host: '127.0.0.1',
    port: emulator.port,
    agent: false,
    method: 'POST',
    path,
    headers,
  })
  sent.on('response', (response) => {
    response.resume()
    answered.resolve(response.statusCode ?? 0)
  })
  sent.on('error', answered.reject)
  let bytes = 0
  let isAnswered = false
  const write = () => {
    while (!isAnswered) {
      bytes += piece.length
      if (!sent.write(piece)) return void sent.once('drain', write)
    }
  }
  write()
  const status = await within('an answer', answered.promise).finally(() => (isAnswered = true))
  return { status, bytes, request: sent }
}

describe('large requests', () => {
  test('an endless body is rejected when it is too large, and its connection closed', async () => {
    const { topic } = await place()
    for (const path of [`/v1/${topic}:publish`, '/faults', '/nowhere']) {
      const { status, bytes, request: sent } = await sendWithoutEnd(path)
      assert.equal(status, 400, path)
      assert.ok(bytes < 40_000_000, `${path}: ${bytes} bytes were sent`)
      const { promise, resolve } = Promise.withResolvers<void>()
      sent.socket?.once('close', () => resolve())
      if (sent.socket?.destroyed === false) await within('the end of the connection', promise)
    }
  })

  test('a body that announces to be too large is rejected at once', async () => {
    const { topic } = await place()
    const large = { 'content-length': String(300_000_000) }
    const { status, bytes } = await sendWithoutEnd(`/v1/${topic}:publish`, large)
    assert.equal(status, 400)
    assert.ok(bytes < 10_000_000, `${bytes} bytes were sent`)
  })

  test('nothing from a foreign page is read', async () => {
    const { status, bytes } = await sendWithoutEnd('/faults', { origin: 'http://evil.example' })
    assert.equal(status, 403)
    assert.ok(bytes < 10_000_000, `${bytes} bytes were sent`)
  })

  test('many at once are buffered up to a limit; the rest should retry, and no other client waits', async () => {
    const bytes = 15 * 2 ** 20
    const path = '/v1/projects/p/topics/none:publish'
    const begin = () => {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      const headers = { 'content-length': String(bytes) }
      const sent = request(
        { host: '127.0.0.1', port: emulator.port, agent: false, method: 'POST', path, headers },
        (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        },
      )
      sent.on('error', reject)
      return { request: sent, status: promise }
    }
    const body = Buffer.alloc(bytes, ' ')
    const held = Array.from({ length: 9 }, begin)
    // All but the last byte. Eight fit; which is the ninth depends on the order in which they are received.
    for (const { request: sent } of held) sent.write(body.subarray(1))
    const refused = await within(
      'a refusal',
      Promise.race(held.map(async (sent) => ({ sent, status: await sent.status }))),
    )
    assert.equal(refused.status, 429)
    refused.sent.request.destroy()
    assert.equal((await call('PUT', '/v1/projects/p/topics/other')).status, 200)

    const others = held.filter((sent) => sent !== refused.sent)
    for (const { request: sent } of others) sent.end(body.subarray(0, 1))
    assert.deepEqual(
      await Promise.all(others.map(({ status }) => status)),
      others.map(() => 404),
    )
    const again = begin()
    again.request.end(body)
    assert.equal(await again.status, 404)
  })

  test('ten megabytes are published, over REST and gRPC', async () => {
    const { topic, subscription } = await place()
    const data = Buffer.alloc(10_000_000, 1)
    const body = JSON.stringify({ messages: [{ data: data.toString('base64') }] })
    assert.equal((await call('POST', `/v1/${topic}:publish`, body)).status, 200)
    assert.equal(emulator.inspect(subscription).messages.at(-1)?.data.length, data.length)
    const over = JSON.stringify({ messages: [{ data: Buffer.alloc(10_000_001, 1).toString('base64') }] })
    assert.equal((await call('POST', `/v1/${topic}:publish`, over)).status, 400)
  })

  test('over gRPC large requests fail as in the service: permanently, since clients would retry otherwise', async () => {
    for (const bytes of [12 * 1024 * 1024 + 1, 100_000_000]) {
      const { code, details } = await publishBytes(bytes)
      assert.deepEqual(
        [code, details],
        [statusCodes.INVALID_ARGUMENT, 'Request payload size exceeds the limit: 10000000 bytes.'],
      )
    }
  })
})

/** Sends this many bytes as a publish request, and returns the outcome. */
async function publishBytes(count: number): Promise<ServiceError> {
  const client = new Client(emulator.emulatorHost, credentials.createInsecure())
  const asIs = (bytes: Buffer) => bytes
  const { promise, resolve, reject } = Promise.withResolvers<ServiceError>()
  const path = '/google.pubsub.v1.Publisher/Publish'
  client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(count), (error) =>
    error ? resolve(error) : reject(new Error('it did not fail')),
  )
  return await promise.finally(() => client.close())
}
