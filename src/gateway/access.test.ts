import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'vitest'
import { identityAttributes } from '#core/identity.ts'
import { until } from '../../test/support/postgres.ts'
import { RawClient, startTestGateway } from '../../test/support/gateway.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('bearer tokens', { concurrent: true }, () => {
  test('each of several lets in; without one, or with another, it is 401 with a challenge', async () => {
    await using started = await startTestGateway({ tokens: () => '\r\n first \n\nsecond' })
    for (const token of ['first', 'second'])
      assert.equal((await started.post('a', bearer(token))).status, 200)
    assert.equal((await started.post('a', { authorization: 'bearer   second ' })).status, 200)
    const none = await started.post('a')
    assert.equal(none.status, 401)
    assert.equal(none.headers.get('www-authenticate'), 'Bearer')
    for (const authorization of [
      'Bearer',
      'Bearer ',
      'Bearer third',
      'Bearer firs',
      'Bearer first second',
      'Basic first',
      'first',
      `Bearer ${createHash('sha256').update('first').digest('hex')}`,
    ]) {
      const response = await started.post('a', { authorization })
      assert.equal(response.status, 401, authorization)
      assert.equal(response.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
      assert.deepEqual(await response.json(), { error: 'missing or invalid bearer token' })
    }
    assert.equal(started.publishing.published.length, 3)
  })

  test('are not asked for where there is nothing to protect', async () => {
    await using started = await startTestGateway({ tokens: () => 'first' })
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs'])
      assert.equal((await fetch(started.url + path)).status, 200, path)
  })

  test('come into force and go within a second; while they cannot be read the last ones count', async () => {
    const clock = new VirtualClock()
    let text: string | Error = 'old'
    const tokens = () => {
      if (text instanceof Error) throw text
      return text
    }
    await using started = await startTestGateway({ tokens, clock, accessLog: false })
    const statuses = async () => [
      (await started.post('a', bearer('old'))).status,
      (await started.post('a', bearer('new'))).status,
    ]
    assert.deepEqual(await statuses(), [200, 401])
    text = 'old\nnew'
    await clock.advance(1000)
    assert.deepEqual(await statuses(), [200, 200])
    text = new Error('no such file')
    await clock.advance(5000)
    assert.deepEqual(await statuses(), [200, 200])
    await clock.advance(5000)
    assert.deepEqual(await statuses(), [200, 200])
    text = new Error('is empty')
    await clock.advance(5000)
    assert.deepEqual(await statuses(), [200, 200])
    const said = 'cannot reread the bearer tokens; the last ones stay valid'
    const faults = [{ error: 'no such file' }, { error: 'is empty' }]
    assert.deepEqual(
      started.lines,
      faults.map((fault) => ['warn', said, fault]),
    )
    text = 'new'
    await clock.advance(1000)
    assert.deepEqual(await statuses(), [401, 200])
    text = ''
    await clock.advance(1000)
    assert.deepEqual(await statuses(), [401, 401], 'an empty file lets nobody in')
  })

  test('that cannot be read at start are a failure', async () => {
    const tokens = () => {
      throw new Error('no such file')
    }
    await assert.rejects(startTestGateway({ tokens }), /no such file/)
  })

  test('do not appear in the log or in attributes', async () => {
    await using started = await startTestGateway({ tokens: () => 'planted-secret-913c' })
    await started.post('a', { ...bearer('planted-secret-913c'), 'idempotency-key': 'k' })
    await until(async () => started.lines.length > 0)
    const { messages } = started.publishing.published[0] ?? assert.fail()
    assert.ok(messages[0]?.attributes?.[identityAttributes.request])
    assert.doesNotMatch(JSON.stringify([started.lines, messages]), /planted/)
  })
})

describe('request ids and the access log', { concurrent: true }, () => {
  test('a well-formed id is kept, another is replaced; the line has it', async () => {
    await using started = await startTestGateway()
    const idOf = async (id?: string) =>
      (await started.post('a', id === undefined ? {} : { 'x-request-id': id })).headers.get('x-request-id')
    assert.equal(await idOf('Az09._-'), 'Az09._-')
    assert.equal(await idOf('x'.repeat(128)), 'x'.repeat(128))
    const made = await Promise.all([idOf(), idOf(''), idOf('x'.repeat(129)), idOf('a b'), idOf('a/b')])
    for (const id of made) assert.match(id ?? '', /^[0-9a-f]{8}-[0-9a-f-]{27}$/)
    assert.equal(new Set(made).size, 5)
    await until(async () => started.lines.length === 7)
    const [level, message, { ms, ...fields }] = started.lines[0] ?? assert.fail()
    assert.deepEqual(
      [level, message, fields],
      [
        'info',
        'request',
        { requestId: 'Az09._-', client: '127.0.0.1', method: 'POST', route: 'POST /words', status: 200 },
      ],
    )
    assert.ok(typeof ms === 'number' && ms > 0 && ms < 5000)
  })

  test('each response has its id, and each request its line and its count', async () => {
    await using started = await startTestGateway()
    const asked: [string, RequestInit, string, number][] = [
      ['/words', { method: 'POST', body: 'x' }, 'POST /words', 415],
      ['/words', {}, 'other', 405],
      ['/nothing', {}, 'other', 404],
      ['/letters/%zz', {}, 'other', 400],
      ['/healthz', { method: 'HEAD' }, 'GET /healthz', 200],
      ['/words', { method: 'OPTIONS' }, 'other', 204],
      ['/words', { method: 'POST', body: 'x'.repeat(1_000_000) }, 'POST /words', 415],
    ]
    for (const [path, init] of asked) {
      const headers = { 'x-request-id': 'mine' }
      const response = await fetch(started.url + path, { ...init, headers })
      assert.equal(response.headers.get('x-request-id'), 'mine', path)
      await response.text()
    }
    await until(async () => started.lines.length === asked.length)
    const expected = asked.map(([, , route, status]) => [route, status])
    assert.deepEqual(
      started.lines.map(([, , { route, status }]) => [route, status]),
      expected,
    )
    assert.deepEqual(
      started.answered.map(({ route, status }) => [route, status]),
      expected,
    )
  })

  test('the line can be switched off', async () => {
    await using started = await startTestGateway({ accessLog: false })
    await started.post('a')
    await until(async () => started.answered.length === 1)
    assert.deepEqual(started.lines, [])
  })

  test('a client that leaves is counted as gone, also with requests that wait behind another', async () => {
    await using started = await startTestGateway()
    const release = started.publishing.hold()
    const client = new RawClient(started.url)
    for (let i = 0; i < 3; i += 1) client.send('POST /words', '"a"')
    await started.publishing.untilPublished(3)
    client.socket.destroy()
    await until(async () => started.answered.length === 3)
    assert.deepEqual(
      started.answered.map(({ status }) => status),
      [499, 499, 499],
    )
    release()
    assert.equal((await started.post('b')).status, 200)
    await until(async () => started.answered.length === 4)
  })
})
