import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { afterAll, describe, test } from 'vitest'
import { noLogger } from '#core/logger.ts'
import { emptyMetrics, readinessOf } from '../../test/support/measured.ts'
import { within } from '../../test/support/within.ts'
import type { AdminServer } from './admin-server.ts'
import { startAdminServer } from './admin-server.ts'

const metrics = emptyMetrics()

const start = (text = () => metrics.text()) =>
  startAdminServer({
    host: '127.0.0.1',
    port: 0,
    metrics: { ...metrics, text },
    ...readinessOf(),
    logger: noLogger,
  })

const attackers = new Set<Socket>()
afterAll(() => attackers.forEach((socket) => socket.destroy()))

/** Says something, if anything, and reads nothing. */
async function attack({ url }: AdminServer, words = ''): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' })
  attackers.add(socket)
  socket.on('error', () => {})
  socket.once('close', () => attackers.delete(socket))
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('connect', () => resolve())
  socket.once('close', () => resolve())
  await promise
  if (words !== '') socket.write(words)
  return socket
}

/** A byte a second for ever. */
function drip(socket: Socket): Socket {
  const timer = setInterval(() => socket.write('x'), 1000)
  socket.once('close', () => clearInterval(timer))
  return socket
}

const manners: Readonly<Record<string, (server: AdminServer) => Promise<Socket>>> = {
  'are silent': (server) => attack(server),
  'drip a byte a second': async (server) => drip(await attack(server, 'GET /metrics HTTP/1.1\r\nX: ')),
  'ask by halves': (server) => attack(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n'),
  'never send the body': (server) =>
    attack(server, 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n'),
  'ask much and read nothing': (server) =>
    attack(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5)),
}

/** As a kubelet does it: on a new connection, and not for long. Here attackers and server share one busy process. */
async function probe({ url }: AdminServer, localAddress: string): Promise<number | undefined> {
  const asked = request(`${url}/healthz`, { agent: false, localAddress, timeout: 5000 })
  asked.on('timeout', () => asked.destroy(new Error('no answer')))
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

/** Closed by the server, however: at once, or when data or an end have been read. */
async function closed(socket: Socket): Promise<void> {
  socket.resume()
  const { promise, resolve } = Promise.withResolvers<void>()
  if (socket.closed) resolve()
  else socket.once('close', () => resolve())
  await within('the end of a connection', promise, 20_000)
}

const otherAddress = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1'

describe('an admin server with 1,000 connections', () => {
  for (const [manner, attackBy] of Object.entries(manners)) {
    test(`that ${manner} answers every probe, and keeps few of them`, async () => {
      await using server = await start()
      for (let round = 0; round < 2; round += 1) {
        const sockets = Promise.all(Array.from({ length: 500 }, () => attackBy(server)))
        // While they come, and when they are there.
        assert.equal(await probe(server, otherAddress), 200)
        for (const socket of await sockets) socket.resume()
        for (let i = 0; i < 5; i += 1) {
          assert.equal(await probe(server, otherAddress), 200)
          assert.equal(await probe(server, '127.0.0.1'), 200)
        }
      }
      const open = [...attackers].filter(({ closed: isClosed }) => !isClosed)
      const excess = open.slice(0, Math.max(0, open.length - 64))
      await Promise.all(excess.map(closed))
      assert.ok(attackers.size <= 64, `${attackers.size} are open`)
    })
  }
})

describe('a connection that wastes time', { concurrent: true }, () => {
  for (const [manner, attackBy] of Object.entries(manners)) {
    test(`is closed within seconds if it and others ${manner}`, async () => {
      await using server = await start()
      const before = performance.now()
      await closed(await attackBy(server))
      const seconds = (performance.now() - before) / 1000
      // Five seconds, looked at every second; the rest is for a busy machine.
      assert.ok(seconds > 3 && seconds < 12, `${seconds} s`)
    })
  }

  test('is closed if it does not read its response, and the others continue', async () => {
    const large = Buffer.alloc(64 * 2 ** 20, 'x').toString()
    await using server = await start(() => Promise.resolve(large))
    const socket = await attack(server, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    // A piece a tick: it would take minutes.
    socket.on('data', () => socket.pause())
    const read = setInterval(() => socket.resume(), 100)
    socket.once('close', () => clearInterval(read))
    assert.equal(await probe(server, '127.0.0.1'), 200)
    await closed(socket)
    assert.ok(socket.bytesRead < large.length, `all of it was taken: ${socket.bytesRead} bytes`)
    assert.equal(await probe(server, '127.0.0.1'), 200)
  })

  test('costs little: of many concurrent requests for the metrics few are rendered', async () => {
    let made = 0
    await using server = await start(async () => {
      made += 1
      const end = performance.now() + 20
      while (performance.now() < end);
      return 'ingester_up 1\n'
    })
    const began = performance.now()
    const ask = async () => assert.equal((await fetch(`${server.url}/metrics`)).status, 200)
    for (let i = 0; i < 5; i += 1) await Promise.all(Array.from({ length: 10 }, ask))
    const share = (made * 20) / (performance.now() - began + 200)
    assert.ok(share < 0.2, `${made} times, ${share} of the time`)
  })

  test('does not keep the server from stopping', async () => {
    const server = await start()
    const sockets = await Promise.all(Object.values(manners).map((attackBy) => attackBy(server)))
    const before = performance.now()
    await server[Symbol.asyncDispose]()
    await Promise.all(sockets.map(closed))
    assert.ok(performance.now() - before < 3000)
  })
})
