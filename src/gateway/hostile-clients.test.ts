import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { until } from '../../test/support/postgres.ts'
import { RawClient, startTestGateway } from '../../test/support/gateway.ts'

const patient = { headersMs: 600_000, requestMs: 600_000, keepAliveMs: 600_000, silenceMs: 600_000 }
const hasty = { headersMs: 500, requestMs: 800, keepAliveMs: 500, silenceMs: 2000 }

const head = 'POST /words HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'

/** A byte every 50 ms, for ever. */
function drip(client: RawClient, text = 'x'): void {
  const timer = setInterval(() => client.write(text), 50)
  client.socket.once('close', () => clearInterval(timer))
}

describe('a client that takes its time', { concurrent: true }, () => {
  const cases: Readonly<Record<string, readonly [(client: RawClient) => void, answer: RegExp]>> = {
    'says nothing': [() => {}, /^HTTP\/1\.1 408 |^$/],
    'stops in its headers': [(client) => client.write(head), /^HTTP\/1\.1 408 .*did not arrive in time/s],
    'sends its headers byte by byte': [(client) => drip(client.write(`${head}X: `)), /^HTTP\/1\.1 408 /],
    'stops in its body': [
      (client) => client.write(`${head}Content-Length: 100\r\n\r\n"a`),
      /^HTTP\/1\.1 408 /,
    ],
    'sends its body byte by byte': [
      (client) => drip(client.write(`${head}Content-Length: 900\r\n\r\n`)),
      /^HTTP\/1\.1 408 /,
    ],
    'never ends its chunks': [
      (client) => drip(client.write(`${head}Transfer-Encoding: chunked\r\n\r\n`), '1\r\nx\r\n'),
      /^HTTP\/1\.1 408 /,
    ],
    'asks no more': [(client) => client.send('GET /healthz'), /^HTTP\/1\.1 200 .*alive"}$/s],
    'asks again, by half': [
      (client) => client.send('GET /healthz').write('GET /healthz'),
      /^HTTP\/1\.1 200 .*alive"}HTTP\/1\.1 408 /s,
    ],
  }
  for (const [manner, [attack, answer]] of Object.entries(cases))
    test(`is closed if it ${manner}`, async () => {
      await using started = await startTestGateway({ limits: hasty })
      const client = await new RawClient(started.url).connected()
      attack(client)
      assert.match(await client.closed(), answer)
      assert.deepEqual(started.publishing.published, [])
    })

  test('is closed if it does not read its answers', async () => {
    let open = 0
    const observer = { connectionsOpen: (count: number) => void (open = count) }
    const limits = { headersMs: 60_000, requestMs: 60_000, keepAliveMs: 60_000, silenceMs: 1000 }
    await using started = await startTestGateway({ limits, observer })
    const client = await new RawClient(started.url).connected()
    client.socket.pause()
    for (let i = 0; i < 2000; i += 1) client.send('GET /openapi.json')
    await until(async () => open === 1)
    await until(async () => open === 0, 10_000)
    assert.ok(started.answered.length < 2000, 'what is not read is not answered')
  })

  for (const [what, length] of [
    ['long body', 'Content-Length: 1000000000'],
    ['body without end', 'Transfer-Encoding: chunked'],
  ] as const)
    test(`does not have its ${what} read if it is refused`, async () => {
      await using started = await startTestGateway({ tokens: () => 'secret' })
      const client = new RawClient(started.url).write(`${head}${length}\r\n\r\n`)
      drip(client, '1\r\nx\r\n')
      const beganMs = performance.now()
      assert.match(await client.closed(), /^HTTP\/1\.1 401 .*Connection: close/is)
      assert.ok(performance.now() - beganMs < 8000)
    })

  test('has time to read why its body is refused', async () => {
    await using started = await startTestGateway()
    const client = await new RawClient(started.url).connected()
    client.socket.pause()
    client.write(`${head}Content-Length: 4000000\r\n\r\n${'x'.repeat(4_000_000)}`)
    await until(async () => started.answered.length === 1)
    client.socket.resume()
    assert.match(await client.closed(), /^HTTP\/1\.1 413 .*longer than 1000 bytes"}$/s)
  })

  test('ends its half of the connection: what it asked before is answered', async () => {
    await using started = await startTestGateway()
    const release = started.publishing.hold()
    const client = new RawClient(started.url).send('POST /words', '"a"')
    client.socket.end()
    await started.publishing.untilPublished(1)
    release()
    assert.match(await client.closed(), /^HTTP\/1\.1 200 /)
  })

  test('leaves in its body: nothing is published', async () => {
    const { promise: began, resolve } = Promise.withResolvers<void>()
    await using started = await startTestGateway({ observer: { began: () => resolve() } })
    const client = await new RawClient(started.url).connected()
    client.write(`${head}Content-Length: 100\r\n\r\n"a"`)
    await began
    client.socket.end()
    await client.closed()
    await until(async () => started.answered.length === 1)
    assert.equal(started.answered[0]?.status, 499)
    assert.deepEqual(started.publishing.published, [])
  })
})

describe('what is not a request', { concurrent: true }, () => {
  for (const [what, bytes, answer] of [
    ['garbage', '\x16\x03\x01\x02\x00\r\n\r\n', /^HTTP\/1\.1 400 .*{"error":"not an HTTP request"}$/s],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['two lengths', `${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\n"a"`, /^HTTP\/1\.1 400 /],
    [
      'a length and chunks',
      `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    ['a chunk without a length', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /^HTTP\/1\.1 400 /],
    ['headers that are too long', `${head}X: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 .*too long/s],
    ['a path that is too long', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ] as const)
    test(`is answered as such, and closed: ${what}`, async () => {
      await using started = await startTestGateway()
      const client = new RawClient(started.url).write(bytes)
      assert.match(await client.closed(), answer)
      assert.deepEqual(started.publishing.published, [])
      assert.equal((await started.post('a')).status, 200)
    })

  test('does not get the answer of the request before it', async () => {
    await using started = await startTestGateway()
    const release = started.publishing.hold()
    const client = new RawClient(started.url).send('POST /words', '"a"')
    await started.publishing.untilPublished(1)
    client.write('garbage\r\n\r\n')
    const received = await client.closed()
    release()
    assert.equal(received, '')
  })
})

test('a complete request that is not served yet does not get the answer of the garbage behind it', async () => {
  const counting = Promise.withResolvers<undefined>()
  const sharedRateLimits = { count: () => counting.promise }
  await using started = await startTestGateway({ rateLimit: { requests: 10, perMs: 1000 }, sharedRateLimits })
  const client = new RawClient(started.url).send('POST /words', '"a"').write('garbage\r\n\r\n')
  assert.equal(await client.closed(), '')
  counting.resolve(undefined)
})

describe('pipelined requests', () => {
  test('are answered in their order', async () => {
    await using started = await startTestGateway()
    const client = await new RawClient(started.url).connected()
    const text = Array.from(
      { length: 200 },
      (_, i) => `PUT /letters/${i}?data=a HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${i}\r\n\r\n`,
    )
    client.write(text.join(''))
    await client.until(/x-request-id: 199\r\n[^]*taken":true}$/i)
    const ids = [...client.received.matchAll(/x-request-id: (\d+)/gi)].map(([, id]) => Number(id))
    assert.deepEqual(
      ids,
      Array.from({ length: 200 }, (_, i) => i),
    )
  })
})

test('a connection with many open requests has no more read until some are answered; then all are', async () => {
  let began = 0
  const observer = { began: () => void (began += 1) }
  await using started = await startTestGateway({ limits: patient, observer, accessLog: false })
  const release = started.publishing.hold()
  using client = await new RawClient(started.url).connected()
  const post = `${head}Content-Length: 3\r\n\r\n"a"`
  const [pipelined, others] = [20_000, 50]
  client.write(post.repeat(pipelined))
  await started.publishing.untilPublished(32)
  for (let i = 0; i < others; i += 1) assert.equal((await fetch(`${started.url}/healthz`)).status, 200)
  const inOneRead = 65_536 / post.length
  assert.ok(began - others <= 32 + inOneRead, `${began - others} requests of one connection are open`)
  release()
  await until(async () => started.answered.length === pipelined + others)
  assert.ok(started.answered.every(({ status }) => status === 200))
})

describe('more connections than there is room for', () => {
  const limits = { ...patient, connections: 50 }
  const manners: Readonly<Record<string, (client: RawClient) => void>> = {
    'are silent': () => {},
    'stop in their headers': (client) => client.write(head),
    'stop in their body': (client) => client.write(`${head}Content-Length: 100\r\n\r\n`),
    'ask and stay': (client) => client.send('GET /healthz'),
  }
  for (const [manner, attack] of Object.entries(manners))
    test(`that ${manner} displace each other, and others are answered`, async () => {
      let dropped = 0
      let most = 0
      const observer = {
        connectionDropped: () => void (dropped += 1),
        connectionsOpen: (count: number) => void (most = Math.max(most, count)),
      }
      await using started = await startTestGateway({ limits, observer })
      const clients: RawClient[] = []
      for (let round = 0; round < 10; round += 1) {
        const some = await Promise.all(
          Array.from({ length: 100 }, () => new RawClient(started.url).connected()),
        )
        some.forEach(attack)
        clients.push(...some)
        assert.equal((await started.post('a')).status, 200)
      }
      await until(async () => dropped >= 950)
      assert.equal(most, 50)
      await Promise.all(clients.slice(0, 900).map((client) => client.closed()))
      for (const client of clients) client[Symbol.dispose]()
    })

  test('are refused if all the others wait for an answer, which they get', async () => {
    await using started = await startTestGateway({ limits: { ...patient, connections: 5 } })
    const release = started.publishing.hold()
    const clients = Array.from({ length: 5 }, () => new RawClient(started.url).send('POST /words', '"a"'))
    await started.publishing.untilPublished(5)
    const refused = new RawClient(started.url)
    assert.match(
      await refused.closed(),
      /^HTTP\/1\.1 503 .*Retry-After: 1.*{"error":"too many connections; retry later"}$/s,
    )
    release()
    for (const client of clients) assert.match(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 200 /)
  })
})
