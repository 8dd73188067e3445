import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { afterAll, describe, test } from 'vitest'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connectPubsub } from '../../pubsub/client.ts'
import { createPlace, createProject, Inbox } from '../../../test/support/pubsub-library.ts'
import { within } from '../../../test/support/within.ts'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0 })
const { emulatorHost, port } = emulator
afterAll(() => emulator.close())

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`

async function open(to = port): Promise<Socket & Disposable> {
  const socket = connect({ port: to, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  // Some are thrown out: it is what they get before that counts.
  socket.on('error', () => {})
  return Object.assign(socket, { [Symbol.dispose]: () => void socket.destroy() })
}

/** All that comes until the emulator hangs up, be it politely or not. */
async function untilClosed(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.once('close', () => resolve())
  if (!socket.closed) await within('the end of a connection', promise)
  return Buffer.concat(chunks).toString('latin1')
}

async function say(words: string | Uint8Array): Promise<string> {
  using socket = await open()
  socket.write(words)
  return await untilClosed(socket)
}

/** So that the other side sees each by itself. */
async function writeByBytes(socket: Socket, bytes: Uint8Array): Promise<void> {
  for (const byte of bytes) {
    socket.write(Uint8Array.of(byte))
    await nextTurn()
  }
}

/** A gRPC subscriber and a REST client; both are served now, as they were before. */
async function neighbours() {
  const place = await createPlace(emulatorHost)
  const inbox = new Inbox(place.subscription)
  let sent = 0
  return {
    areServed: async () => {
      sent += 1
      const response = await fetch(`http://${emulatorHost}/v1/${place.topic.name}:publish`, {
        method: 'POST',
        body: JSON.stringify({ messages: [{ data: 'eA==' }] }),
      })
      assert.equal(response.status, 200)
      await inbox.untilReceived(sent, 10_000)
      assert.deepEqual(inbox.errors, [])
    },
    [Symbol.asyncDispose]: async () => {
      await inbox.close()
      await place[Symbol.asyncDispose]()
    },
  }
}

const garbage = {
  bytes: Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 + 13) & 0xff)),
  'a TLS hello': Buffer.concat([Buffer.from('16030100f8010000f40303', 'hex'), Buffer.alloc(230, 1)]),
  'a word that begins like HTTP/2': Buffer.from('PRINCESS '.repeat(20)),
  'another verb with P': Buffer.from('PROPFIND / HTTP/1.1\r\n\r\n'),
  'HTTP/2 with wrong frames': Buffer.concat([Buffer.from(preface), Buffer.alloc(100, 255)]),
  'HTTP/1 without end': Buffer.from(`GET /${'x'.repeat(100_000)}`),
  'a wrong length': Buffer.from('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n'),
  'a wrong chunk': Buffer.from('PUT /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
  CONNECT: Buffer.from('CONNECT localhost:80 HTTP/1.1\r\nHost: x\r\n\r\n'),
}

describe('on one port', { concurrent: true }, () => {
  test('HTTP/1 that arrives byte by byte is understood', async () => {
    for (const verb of ['PUT', 'POST', 'PATCH', 'GET']) {
      using socket = await open()
      const path = `/v1/projects/p-${randomUUID()}/topics/the-topic`
      const head = `${verb} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`
      await writeByBytes(socket, Buffer.from(head))
      const expected = verb === 'PUT' ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 40[04] [^]*"error"/
      assert.match(await untilClosed(socket), expected)
    }
  })

  test('HTTP/2 that arrives byte by byte is understood', async () => {
    using socket = await open()
    const answer = once(socket, 'data') as Promise<[Buffer]>
    await writeByBytes(socket, Buffer.concat([Buffer.from(preface), emptySettings]))
    const [first] = await within('an answer', answer)
    assert.deepEqual(first.subarray(3, 5), Buffer.from([4, 0]), 'a SETTINGS frame')
  })

  test('the library through a connection that carries one byte at a time', async () => {
    const line = createServer({ noDelay: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', noDelay: true })
      let working = Promise.resolve()
      near.on('data', (chunk: Buffer) => {
        working = working.then(() => writeByBytes(far, chunk))
      })
      far.pipe(near)
      for (const socket of [near, far]) {
        socket.on('error', () => {})
        socket.on('close', () => (near.destroy(), far.destroy()))
      }
    })
    line.listen(0, '127.0.0.1')
    await once(line, 'listening')
    await using project = createProject(`127.0.0.1:${(line.address() as AddressInfo).port}`)
    const [topic] = await project.pubsub.createTopic('the-topic')
    assert.deepEqual(await topic.exists(), [true])
    line.close()
  })

  test('silent and slow clients are waited for', async () => {
    await using others = await neighbours()
    using silent = await open()
    using terse = await open()
    using slow = await open()
    terse.write('P')
    slow.write('PUT /v1/projects/p/topics/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{')
    await others.areServed()
    for (const socket of [silent, terse, slow]) assert.equal(socket.readyState, 'open')
    const path = `/v1/projects/p-${randomUUID()}/topics/the-topic`
    silent.write(get(path))
    terse.write(`UT ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    assert.match(await untilClosed(silent), /^HTTP\/1\.1 404 /)
    assert.match(await untilClosed(terse), /^HTTP\/1\.1 200 /)
  })

  test('clients that disconnect at any time disturb no other', async () => {
    await using others = await neighbours()
    const words = [
      '',
      'P',
      'PRI',
      preface,
      'POST /v1/projects/p/topics/t:publish HTTP/1.1\r\nHost: localhost\r\n',
      get('/'),
    ]
    for (const word of words) {
      for (const leave of ['end', 'resetAndDestroy', 'destroy'] as const) {
        const socket = await open()
        if (word) socket.write(word)
        await nextTurn()
        socket[leave]()
        await untilClosed(socket)
      }
    }
    await others.areServed()
  })

  test('clients that send garbage are disconnected, and disturb no other', async () => {
    await using others = await neighbours()
    for (const [what, bytes] of Object.entries(garbage)) {
      const answer = await say(bytes)
      assert.match(answer, /^$|^HTTP\/1\.1 4\d\d |^\0\0./, `${what}: ${answer}`)
      await others.areServed()
    }
  })

  test('targets that are not paths are answered', async () => {
    await using others = await neighbours()
    for (const target of ['//', '///v1', 'http://[', '//[', '*', '%', '/%', '/v1/%c3%28', '?', '/v1?', 'x']) {
      assert.match(await say(get(target)), /^HTTP\/1\.1 (200|400|403|404) /, target)
    }
    assert.match(await say(get('http://localhost/v1/projects/p/topics')), /^HTTP\/1\.1 200 /)
    await others.areServed()
  })

  test('a pull whose client disconnects takes no messages', async () => {
    await using place = await createPlace(emulatorHost)
    const url = `http://${emulatorHost}/v1/${place.subscription.name}:pull`
    const body = '{"maxMessages":10}'
    const leaving = await open()
    // The one before is answered when the pull has come, too.
    const before = get('/').replace('Connection: close\r\n', '')
    const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`
    leaving.write(before + head + body)
    await within('an answer', once(leaving, 'data'))
    leaving.resetAndDestroy()
    await once(leaving, 'close')
    // By now the emulator has seen that, or sees it before anything that is sent later.
    await place.topic.getMetadata()
    await place.topic.publishMessage({ data: Buffer.from('x') })
    const response = await fetch(url, { method: 'POST', body })
    const { receivedMessages } = (await response.json()) as { receivedMessages: unknown[] }
    assert.equal(receivedMessages.length, 1)
  })

  test('two hundred connections of both kinds at once', async () => {
    const project = `p-${randomUUID()}`
    const name = (i: number) => `projects/${project}/topics/topic-${String(i).padStart(3, '0')}`
    const byRest = async (i: number) => {
      const head = `PUT /v1/${name(i)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
      assert.match(await say(head), /^HTTP\/1\.1 200 /)
    }
    const byGrpc = async (i: number) => {
      const clients = await connectPubsub({ projectId: project, emulatorHost })
      await clients.publisher.createTopic({ name: name(i) })
      await clients.close()
    }
    const all = Array.from({ length: 200 }, (_, i) => i)
    await Promise.all(all.map((i) => (i % 2 === 0 ? byRest(i) : byGrpc(i))))
    const clients = await connectPubsub({ projectId: project, emulatorHost })
    const [topics] = await clients.publisher.listTopics({ project: `projects/${project}` })
    await clients.close()
    assert.deepEqual(
      topics.map((topic) => topic.name),
      all.map(name),
    )
  })
})

test('closing answers waiting clients, and leaves no connection', async () => {
  await using emulator = await startEmulator({ port: 0 })
  await using place = await createPlace(emulator.emulatorHost)
  const silent = await open(emulator.port)
  const waiting = await open(emulator.port)
  const body = '{"maxMessages":10}'
  waiting.write(
    `${get('/').replace('Connection: close\r\n', '')}POST /v1/${place.subscription.name}:pull HTTP/1.1\r\n` +
      `Host: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  await within('an answer', once(waiting, 'data'))
  const answers = [silent, waiting].map((socket) => untilClosed(socket))
  await emulator.close()
  const [nothing, refusal] = await Promise.all(answers)
  assert.equal(nothing, '')
  assert.match(refusal ?? '', /^HTTP\/1\.1 503 [^]*"UNAVAILABLE"/)
})
