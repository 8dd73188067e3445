import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { describe, test } from 'vitest'
import { identityAttributes, identityOf } from '#core/identity.ts'
import { RawClient, startTestGateway, wordDoor } from '../../test/support/gateway.ts'
import { until } from '../../test/support/postgres.ts'

const json = { 'content-type': 'application/json' }

/** Status and body. */
async function seen(response: Response | Promise<Response>): Promise<[status: number, body: unknown]> {
  const got = await response
  const text = await got.text()
  return [got.status, text === '' ? '' : JSON.parse(text)]
}

describe('a door', { concurrent: true }, () => {
  test('gets the body as it was sent, and answers what it promises when that is confirmed', async () => {
    await using started = await startTestGateway()
    const body = ' {"a": 9223372036854775807, "a": 1}\n'
    const response = await fetch(`${started.url}/words`, { method: 'POST', headers: json, body })
    assert.deepEqual(await seen(response), [200, ''])
    assert.equal(response.headers.get('content-length'), '0')
    const [{ topic, messages } = assert.fail('nothing was published')] = started.publishing.published
    assert.equal(topic, 'projects/test/topics/words')
    assert.deepEqual(
      messages.map(({ data }) => data.toString()),
      [body],
    )
    assert.equal(messages[0]?.attributes?.['from'], 'test')
  })

  test('gets parameters and query, decoded', async () => {
    await using started = await startTestGateway()
    const response = await fetch(`${started.url}/letters/a%2Fb?data=%C3%A9`, { method: 'PUT' })
    assert.equal(response.headers.get('x-taken'), 'yes')
    assert.deepEqual(await seen(response), [202, { taken: true }])
    assert.equal(started.publishing.published[0]?.messages[0]?.data.toString(), 'a/bé')
  })

  test('that makes no message of a request publishes nothing', async () => {
    await using started = await startTestGateway()
    assert.equal((await fetch(`${started.url}/letters/a`, { method: 'PUT' })).status, 202)
    assert.deepEqual(started.publishing.published, [])
  })

  test('rejects with its own words', async () => {
    await using started = await startTestGateway()
    assert.deepEqual(await seen(started.post('bad')), [400, { error: "missing or invalid 'word'" }])
    const empty = fetch(`${started.url}/words`, { method: 'POST' })
    assert.deepEqual(await seen(empty), [400, { error: "missing or invalid 'word'" }])
    assert.deepEqual(started.publishing.published, [])
  })
})

describe('the outcome of publishing', { concurrent: true }, () => {
  test('not sent: 503, with the time to wait', async () => {
    await using started = await startTestGateway()
    started.publishing.answer = () => ({ outcome: 'not-sent', why: 'broker at 10.1.2.3 refused' })
    const response = await started.post('a')
    assert.equal(response.headers.get('retry-after'), '1')
    const text = await response.text()
    assert.equal(response.status, 503)
    assert.equal(JSON.parse(text).code, 'not-sent')
    assert.doesNotMatch(text, /10\.1\.2\.3/)
    await until(async () =>
      started.lines.some(([, , { why }]) => why === 'not-sent: broker at 10.1.2.3 refused'),
    )
  })

  for (const how of ['unknown', 'a failure'] as const) {
    test(`${how}: 503 with a code of its own`, async () => {
      await using started = await startTestGateway()
      started.publishing.answer = () => {
        if (how === 'unknown') return { outcome: 'unknown', why: 'broker at 10.1.2.3 was silent' }
        throw new Error('broker at 10.1.2.3 was silent')
      }
      const response = await started.post('a')
      const text = await response.text()
      assert.equal(response.status, 503)
      assert.equal(JSON.parse(text).code, 'outcome-unknown')
      assert.doesNotMatch(text, /10\.1\.2\.3/)
    })
  }

  test('a door that fails: 500, which tells nothing, and an error in the log with the id of the request', async () => {
    const door = {
      ...wordDoor,
      read: () => {
        throw new Error('secret of ours')
      },
    }
    await using started = await startTestGateway({ doors: [door], accessLog: false })
    const response = await started.post('a', { 'x-request-id': 'one' })
    assert.equal(response.headers.get('x-request-id'), 'one')
    assert.deepEqual(await seen(response), [500, { error: 'internal error' }])
    assert.deepEqual(started.lines, [
      ['error', 'request failed', { requestId: 'one', route: 'POST /words', error: 'secret of ours' }],
    ])
  })
})

describe('an identity', { concurrent: true }, () => {
  const attributesOf = ({ publishing }: Awaited<ReturnType<typeof startTestGateway>>) =>
    publishing.published.flatMap(({ messages }) => messages.map(({ attributes = {} }) => attributes))

  test('without a key is new for each message, and one that the engine reads', async () => {
    await using started = await startTestGateway()
    await started.post('a')
    await started.post('a')
    await fetch(`${started.url}/letters/1?data=xy`, { method: 'PUT' })
    const identities = attributesOf(started).map((attributes) =>
      identityOf({ messageId: '1', publishTimeMs: Date.now(), attributes }),
    )
    assert.equal(new Set(identities.map((one) => 'messageId' in one && one.messageId)).size, 4)
    for (const one of identities) assert.ok('isGiven' in one && one.isGiven)
  })

  test('with a key is the same each time; another for another key, route, message and principal', async () => {
    await using started = await startTestGateway({ tokens: () => 'first\nsecond\n' })
    const as = (token: string, key: string) => ({
      authorization: `Bearer ${token}`,
      'idempotency-key': key,
    })
    const requestsOf = () => attributesOf(started).map((one) => one[identityAttributes.request] ?? '')
    await started.post('a', as('first', 'k1'))
    await started.post('b', as('first', 'k1'))
    const [first = '', again] = requestsOf()
    assert.match(first, /^[0-9a-f]{64}$/)
    assert.equal(again, first)
    await started.post('a', as('first', 'k2'))
    await started.post('a', as('second', 'k1'))
    const url = `${started.url}/letters/1?data=xyz`
    await fetch(url, { method: 'PUT', headers: as('first', 'k1') })
    assert.equal(new Set(requestsOf()).size, 6)
    await fetch(url, { method: 'PUT', headers: as('first', 'k1') })
    assert.deepEqual(requestsOf().slice(-3), requestsOf().slice(-6, -3))
  })

  for (const key of ['', 'a b', 'é', 'x'.repeat(256), 'tab\tbed'])
    test(`by the key ${JSON.stringify(key).slice(0, 12)} is refused`, async () => {
      await using started = await startTestGateway()
      assert.deepEqual(await seen(started.post('a', { 'idempotency-key': key })), [
        400,
        { error: "invalid 'Idempotency-Key': send one, of 1 to 255 visible ASCII characters" },
      ])
    })

  test('by two keys is refused; by 255 characters it is not', async () => {
    await using started = await startTestGateway()
    const twice = new RawClient(started.url)
    twice.send('POST /words', '"a"', ['Idempotency-Key: a', 'Idempotency-Key: b', 'Connection: close'])
    assert.match(await twice.closed(), /^HTTP\/1\.1 400 /)
    assert.equal((await started.post('a', { 'idempotency-key': '!~'.repeat(127) + 'x' })).status, 200)
  })
})

describe('a request that no door takes', { concurrent: true }, () => {
  test('404: another path, also with a body, which is not read', async () => {
    await using started = await startTestGateway()
    for (const path of ['/', '/words/', '/wordsx', '/Words', '//words', '/words%2F'])
      assert.deepEqual(await seen(fetch(started.url + path, { method: 'POST', body: 'x'.repeat(5000) })), [
        404,
        { error: 'not found' },
      ])
    assert.deepEqual(await seen(fetch(`${started.url}/letters/%zz`, { method: 'PUT' })), [
      400,
      { error: 'not a valid path' },
    ])
  })

  test('405: another method, with those that there are', async () => {
    await using started = await startTestGateway()
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY']) {
      const response = await fetch(`${started.url}/words`, { method })
      assert.equal(response.status, 405, method)
      assert.equal(response.headers.get('allow'), 'POST, OPTIONS')
    }
    assert.equal((await fetch(`${started.url}/healthz`, { method: 'POST', body: 'x' })).status, 405)
    const tunnel = new RawClient(started.url).send('CONNECT test:1')
    await tunnel.closed()
  })

  test('OPTIONS: 204 with the methods, and nothing of CORS', async () => {
    await using started = await startTestGateway()
    for (const [path, allow] of [
      ['/words', 'POST, OPTIONS'],
      ['/readyz', 'GET, HEAD, OPTIONS'],
    ]) {
      const response = await fetch(started.url + path, { method: 'OPTIONS', headers: { origin: 'http://x' } })
      assert.equal(response.status, 204)
      assert.equal(response.headers.get('allow'), allow)
      assert.equal(response.headers.get('access-control-allow-origin'), null)
    }
  })

  test('HEAD: what GET would say, without the body', async () => {
    await using started = await startTestGateway()
    const response = await fetch(`${started.url}/healthz`, { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-length'), '18')
    assert.equal(await response.text(), '')
  })

  for (const [type, status] of [
    ['application/json', 200],
    ['application/json; charset=utf-8', 200],
    ['Application/JSON;charset="UTF-8"', 200],
    ['application/json; charset=utf-16', 415],
    ['application/json, text/plain', 415],
    ['application/jsonp', 415],
    ['application/x-www-form-urlencoded', 415],
    ['text/plain', 415],
    ['', 415],
    ['/', 415],
  ] as const)
    test(`${status}: a body of type ${JSON.stringify(type)}`, async () => {
      await using started = await startTestGateway()
      const response = await started.post('a', { 'content-type': type })
      assert.equal(response.status, status)
      if (status === 415) assert.equal(response.headers.get('accept'), 'application/json')
    })

  test('415: encoded, without a type, or with a body where none is expected', async () => {
    await using started = await startTestGateway()
    const body = gzipSync('"a"')
    const headers = { ...json, 'content-encoding': 'gzip' }
    const encoded = await fetch(`${started.url}/words`, { method: 'POST', headers, body })
    assert.equal(encoded.status, 415)
    assert.equal(encoded.headers.get('accept-encoding'), 'identity')
    assert.equal((await started.post('a', { 'content-encoding': 'identity' })).status, 200)
    const untyped = new RawClient(started.url)
    untyped.write('POST /words HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"a"')
    assert.match(await untyped.closed(), /^HTTP\/1\.1 415 /)
    const surprising = fetch(`${started.url}/letters/1?data=a`, { method: 'PUT', body: 'x' })
    assert.equal((await surprising).status, 415)
  })

  test('413: a body that is too long, however that is found out; its client reads the answer', async () => {
    await using started = await startTestGateway()
    assert.equal((await started.post('x'.repeat(998))).status, 200)
    assert.equal((await started.post('x'.repeat(999))).status, 413)
    // Much longer than what fits into buffers.
    for (let i = 0; i < 5; i += 1)
      assert.deepEqual(await seen(started.post('x'.repeat(8 * 2 ** 20))), [
        413,
        { error: 'the body is longer than 1000 bytes' },
      ])
    const chunked = new RawClient(started.url)
    chunked.send('POST /words', '', ['Content-Type: application/json', 'Transfer-Encoding: chunked'])
    const timer = setInterval(() => chunked.write(`64\r\n${'x'.repeat(100)}\r\n`), 1)
    assert.match(await chunked.closed(), /^HTTP\/1\.1 413 .*Connection: close/is)
    clearInterval(timer)
    assert.equal(started.publishing.published.length, 1)
  })

  test('a client that waits for leave to send its body gets it, or a refusal instead', async () => {
    await using started = await startTestGateway()
    const client = new RawClient(started.url)
    const head = (length: number) =>
      `POST /words HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    client.write(head(3))
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    client.write('"a"')
    await client.until(/HTTP\/1\.1 200 OK/)
    client.write(head(1_000_000))
    assert.match(await client.closed(), /413 Payload Too Large.*longer than 1000/s)
  })
})
