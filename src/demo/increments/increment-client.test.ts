import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'vitest'
import { RequestRecord } from './request-ledger.ts'
import { IncrementClient } from './increment-client.ts'

type Answer = (response: ServerResponse, request: IncomingMessage) => void

const notSent: Answer = (response) => response.writeHead(503).end('{"error":"…","code":"not-sent"}')
const unknown: Answer = (response) => response.writeHead(503).end('{"error":"…","code":"outcome-unknown"}')
const confirmed: Answer = (response) => response.end()
const cut: Answer = (response) => response.destroy()
const silent: Answer = () => {}

/** A gateway that gives these answers in turn, and a client of it. */
async function rig(answers: readonly Answer[], change: { readonly retryForMs?: number } = {}) {
  const keys: (string | undefined)[] = []
  const server = createServer((request, response) => {
    keys.push(request.headers['idempotency-key']?.toString())
    request.resume().once('end', () => (answers[keys.length - 1] ?? confirmed)(response, request))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = new AbortController()
  const client = new IncrementClient({
    urls: [`http://127.0.0.1:${port}`],
    timeoutMs: 300,
    retryForMs: 10_000,
    stopping: stop.signal,
    forceStop: new AbortController().signal,
    ...change,
  })
  return {
    client,
    keys,
    stop,
    server,
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

const recordOf = (idempotencyKey?: string) =>
  new RequestRecord({ key: 'k', digit: 0, body: '{}', idempotencyKey, isMalformed: false })

describe('a client', { concurrent: true }, () => {
  test('with a key repeats what is not confirmed, with the same key', async () => {
    await using all = await rig([notSent, unknown, cut, silent, confirmed])
    const record = recordOf('a')
    await all.client.send(record)
    assert.deepEqual(all.keys, ['a', 'a', 'a', 'a', 'a'])
    assert.equal(record.outcome, 'confirmed')
  })

  for (const [name, answer] of Object.entries({ unknown, cut, silent })) {
    test(`without a key does not repeat what may have arrived: ${name}`, async () => {
      await using all = await rig([notSent, answer])
      const record = recordOf()
      await all.client.send(record)
      assert.deepEqual(all.keys, [undefined, undefined])
      assert.equal(record.outcome, 'unknown')
    })
  }

  test('repeats nothing that is malformed', async () => {
    await using all = await rig([(response) => response.writeHead(400).end('{"error":"…"}')])
    const record = recordOf('a')
    await all.client.send(record)
    assert.equal(all.keys.length, 1)
    assert.equal(record.outcome, 'refused')
  })

  test('gives up in the end', async () => {
    await using all = await rig(
      Array.from({ length: 100 }, () => unknown),
      { retryForMs: 300 },
    )
    const record = recordOf('a')
    await all.client.send(record)
    assert.ok(all.keys.length < 20, String(all.keys.length))
    assert.equal(record.outcome, 'unknown')
  })

  test('who is refused a connection has sent nothing', async () => {
    await using all = await rig([], { retryForMs: 0 })
    all.server.close()
    const record = recordOf()
    await all.client.send(record)
    assert.equal(record.outcome, 'refused')
    assert.deepEqual(all.keys, [])
  })

  test('a body that is cut after 200 changes nothing', async () => {
    await using all = await rig([
      (response) => {
        response.writeHead(200, { 'content-length': 5 }).write('a')
        response.socket?.end()
      },
    ])
    const record = recordOf()
    await all.client.send(record)
    assert.equal(record.outcome, 'confirmed')
  })

  test('stops at the signal', async () => {
    await using all = await rig(Array.from({ length: 100 }, () => unknown))
    const record = recordOf('a')
    const sent = all.client.send(record)
    all.stop.abort()
    await sent
    assert.ok(all.keys.length <= 2)
  })
})
