import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'vitest'
import { freePort, host, onFreePort, reach } from './ports.ts'
import { ServiceError } from './service.ts'

const listenOn = async (port: number) => {
  const server = createServer().listen({ host, port })
  await once(server, 'listening')
  return server
}

test('a free preferred port is used', async () => {
  const port = await freePort(0)
  assert.equal(await freePort(port), port)
})

test('a taken port gives the next free one', async () => {
  const port = await freePort(0)
  const server = await listenOn(port)
  const next = await freePort(port)
  server.close()
  assert.ok(next > port && next <= port + 100, `${next}`)
})

test.for(['bind: Address already in use', '{"error":"the address 127.0.0.1:8080: listen EADDRINUSE"}'])(
  'a port lost between check and start gives the next one: %s',
  async (output) => {
    const tried: number[] = []
    const first = await freePort(0)
    const got = await onFreePort(first, async (port) => {
      tried.push(port)
      if (tried.length === 1) throw new ServiceError('it', 'failed', output)
      return port
    })
    assert.equal(tried[0], first)
    assert.ok(got > first)
  },
)

test('also if the error that reports it has another one as its cause', async () => {
  const taken = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' })
  let calls = 0
  const got = await onFreePort(await freePort(0), async (port) => {
    calls += 1
    if (calls === 1) throw new Error('the admin server', { cause: taken })
    return port
  })
  assert.ok(calls === 2 && got > 0)
})

test('another failure is not retried on other ports', async () => {
  let calls = 0
  const start = async () => {
    calls += 1
    throw new ServiceError('it', 'failed', 'out of memory')
  }
  await assert.rejects(onFreePort(0, start), /out of memory/)
  assert.equal(calls, 1)
})

test('reach tells whether a server listens', async () => {
  const server = await listenOn(0)
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  await reach({ host, port: address.port }, 1_000)
  server.close()
  await once(server, 'close')
  await assert.rejects(reach({ host, port: address.port }, 1_000), /ECONNREFUSED/)
})
