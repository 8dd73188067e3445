import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { afterAll, describe, test } from 'vitest'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0, history: true })
const base = `http://${emulator.emulatorHost}`
afterAll(() => emulator.close())

interface Answer {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- what comes out of JSON
  readonly body: any
}

type Call = (method: string, path: string, body?: unknown) => Promise<Answer>

const written = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body))

/** As people do by hand. */
const curl: Call = async (method, path, body) => {
  const options = '--silent --show-error --noproxy * --max-time 40'.split(' ')
  const sent = body === undefined ? [] : ['--data-binary', written(body)]
  const more = ['--request', method, '--write-out', '\n%{http_code}', ...sent]
  const { stdout } = await promisify(execFile)('curl', [...options, ...more, base + path])
  const end = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(end)), body: JSON.parse(stdout.slice(0, end)) }
}

const viaFetch: Call = async (method, path, body) => {
  const sent = body === undefined ? {} : { body: written(body) }
  const response = await fetch(base + path, { method, ...sent })
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  return { status: response.status, body: await response.json() }
}

const newProject = () => `projects/p-${randomUUID()}`

async function setUp(call: Call = viaFetch) {
  const project = newProject()
  const [topic, subscription] = [`${project}/topics/the-topic`, `${project}/subscriptions/the-subscription`]
  assert.equal((await call('PUT', `/v1/${topic}`)).status, 200)
  assert.equal((await call('PUT', `/v1/${subscription}`, { topic })).status, 200)
  return { project, topic, subscription }
}

const base64 = (data: string) => Buffer.from(data).toString('base64')

/** From the first topic to the last message, the way the documentation shows it. */
const everything = (call: Call) => async () => {
  const project = newProject()
  const [topic, subscription] = [`${project}/topics/the-topic`, `${project}/subscriptions/the-subscription`]
  const ok = async (...args: Parameters<Call>) => {
    const { status, body } = await call(...args)
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  assert.equal((await ok('PUT', `/v1/${topic}`)).name, topic)
  const created = await ok('PUT', `/v1/${subscription}`, { topic, ackDeadlineSeconds: 30 })
  assert.equal(created.ackDeadlineSeconds, 30)
  assert.equal(created.messageRetentionDuration, '604800s')
  assert.equal(created.state, 'ACTIVE')
  assert.deepEqual(await ok('GET', `/v1/${subscription}`), created)
  for (const id of ['b', 'c', 'd']) await ok('PUT', `/v1/${project}/topics/more-${id}`, {})
  const page = await ok('GET', `/v1/${project}/topics?pageSize=3`)
  assert.equal(page.topics.length, 3)
  const next = await ok('GET', `/v1/${project}/topics?pageSize=3&pageToken=${page.nextPageToken}`)
  assert.equal(next.topics.length, 1)
  assert.deepEqual((await ok('GET', `/v1/${project}/subscriptions`)).subscriptions, [created])
  assert.deepEqual((await ok('GET', `/v1/${topic}/subscriptions`)).subscriptions, [subscription])

  const messages = [
    { data: base64('hällo'), attributes: { a: 'b' }, orderingKey: 'k' },
    { data: base64('x') },
  ]
  const { messageIds } = await ok('POST', `/v1/${topic}:publish`, { messages })
  const { receivedMessages } = await ok('POST', `/v1/${subscription}:pull`, { maxMessages: 10 })
  const [{ ackId, message }, second] = receivedMessages
  assert.equal(receivedMessages.length, 2)
  assert.deepEqual(
    [message.data, message.attributes, message.orderingKey, message.messageId],
    [messages[0]?.data, { a: 'b' }, 'k', messageIds[0]],
  )
  assert.ok(Math.abs(Date.parse(message.publishTime) - Date.now()) < 60_000)
  assert.deepEqual(await ok('POST', `/v1/${subscription}:acknowledge`, { ackIds: [ackId] }), {})
  const nack = { ackIds: [second.ackId], ackDeadlineSeconds: 0 }
  assert.deepEqual(await ok('POST', `/v1/${subscription}:modifyAckDeadline`, nack), {})
  assert.equal(emulator.inspect(subscription).counts.available, 1)

  const patch = {
    subscription: { ackDeadlineSeconds: 77, labels: { l: 'm' } },
    updateMask: 'ackDeadlineSeconds',
  }
  const patched = await ok('PATCH', `/v1/${subscription}`, patch)
  assert.deepEqual([patched.ackDeadlineSeconds, patched.labels ?? {}], [77, {}])
  const labelled = await ok('PATCH', `/v1/${topic}`, { topic: { labels: { a: 'b' } }, updateMask: 'labels' })
  assert.deepEqual(labelled.labels, { a: 'b' })
  await ok('POST', `/v1/${subscription}:seek`, { time: '2999-01-01T00:00:00Z' })
  assert.equal(emulator.inspect(subscription).counts.available, 0)
  await ok('POST', `/v1/${subscription}:detach`)
  assert.equal((await ok('GET', `/v1/${subscription}`)).detached, true)
  assert.deepEqual(await ok('DELETE', `/v1/${subscription}`), {})
  assert.deepEqual(await ok('DELETE', `/v1/${topic}`), {})
  const { status, body } = await call('GET', `/v1/${topic}`)
  assert.equal(status, 404)
  assert.deepEqual(body, {
    error: { code: 404, message: `Topic not found (resource=${topic}).`, status: 'NOT_FOUND' },
  })
}

describe('over REST', { concurrent: true }, () => {
  test('curl can do everything', everything(curl))
  test('fetch can do everything', everything(viaFetch))

  test('errors have the code, the message and the name', async () => {
    const { project, topic, subscription } = await setUp()
    const refusals: [Parameters<Call>, number, string, RegExp?][] = [
      [['PUT', `/v1/${topic}`], 409, 'ALREADY_EXISTS'],
      [['PUT', `/v1/${subscription}`, { topic }], 409, 'ALREADY_EXISTS'],
      [['GET', `/v1/${project}/topics/none`], 404, 'NOT_FOUND'],
      [['POST', `/v1/${project}/topics/none:publish`, { messages: [{ data: 'eA==' }] }], 404, 'NOT_FOUND'],
      [['POST', `/v1/${subscription}:pull`, {}], 400, 'INVALID_ARGUMENT', /max_messages/],
      [['POST', `/v1/${subscription}:acknowledge`, { ackIds: ['nonsense'] }], 400, 'INVALID_ARGUMENT'],
      [['PUT', `/v1/${project}/topics/1`], 400, 'INVALID_ARGUMENT', /name/],
      [['PUT', `/v1/${project}/snapshots/s-1`, { subscription }], 501, 'UNIMPLEMENTED', /CreateSnapshot/],
      [['POST', `/v1/${project}/schemas`, {}], 501, 'UNIMPLEMENTED', /CreateSchema/],
      [['GET', `/v1/${project}/schemas/s-1`], 404, 'NOT_FOUND', /Schema not found/],
      [['GET', '/v1/nothing'], 404, 'NOT_FOUND', /nothing/],
      [['GET', '/v2/topics'], 404, 'NOT_FOUND'],
      [['GET', `/v1/${topic}/`], 404, 'NOT_FOUND'],
      [['POST', `/v1/${topic}`, {}], 404, 'NOT_FOUND', /POST/],
      [['DELETE', `/v1/${topic}:publish`], 404, 'NOT_FOUND'],
      [['OPTIONS', `/v1/${topic}`], 404, 'NOT_FOUND'],
    ]
    for (const [call, code, status, message = /./] of refusals) {
      const { status: http, body } = await viaFetch(...call)
      const story = `${call.join(' ')}: ${JSON.stringify(body)}`
      assert.deepEqual([http, body.error.code, body.error.status], [code, code, status], story)
      assert.match(body.error.message, message, story)
    }
  })

  test('an invalid request is rejected, and nothing of it is executed', async () => {
    const { topic, subscription } = await setUp()
    const before = await viaFetch('GET', `/v1/${subscription}`)
    const other = `${subscription}-2`
    const publish = `/v1/${topic}:publish`
    const refused: Parameters<Call>[] = [
      ['PUT', `/v1/${other}`, '{bad'],
      ['PUT', `/v1/${other}`, '[]'],
      ['PUT', `/v1/${other}`, '"text"'],
      ['PUT', `/v1/${other}`, { topic, unknown: 1 }],
      ['PUT', `/v1/${other}`, { topic: 5 }],
      ['PUT', `/v1/${other}`, { topic, ackDeadlineSeconds: 'abc' }],
      ['PUT', `/v1/${other}`, { topic, ackDeadlineSeconds: 10.5 }],
      ['PUT', `/v1/${other}`, { topic, retainAckedMessages: 'yes' }],
      ['PUT', `/v1/${other}`, { topic, labels: 'x' }],
      ['PUT', `/v1/${other}`, { topic, labels: { a: 5 } }],
      ['PUT', `/v1/${other}`, { topic, messageRetentionDuration: 'long' }],
      ['PUT', `/v1/${other}`, { topic, retryPolicy: { unknown: '1s' } }],
      ['POST', publish, { messages: {} }],
      ['POST', publish, { messages: [5] }],
      ['POST', publish, { messages: [{ data: '***' }] }],
      ['POST', publish, { messages: [{ data: 'eA==', attributes: { a: 1 } }] }],
      ['POST', publish, { messages: [{ data: 'eA==' }, { datum: 'eA==' }] }],
      ['PATCH', `/v1/${subscription}`, { subscription: 'x', updateMask: 'labels' }],
      ['PATCH', `/v1/${subscription}`, { subscription: { labels: {} }, updateMask: 'nonsense' }],
      ['PATCH', `/v1/${subscription}`, { subscription: { labels: {} } }],
      ['POST', `/v1/${subscription}:seek`, { time: 'yesterday' }],
      ['POST', `/v1/${subscription}:pull`, { maxMessages: 'many' }],
    ]
    for (const call of refused) {
      const { status, body } = await viaFetch(...call)
      assert.deepEqual(
        [status, body.error?.status],
        [400, 'INVALID_ARGUMENT'],
        `${JSON.stringify(call)}: ${JSON.stringify(body)}`,
      )
    }
    assert.equal((await viaFetch('GET', `/v1/${other}`)).status, 404)
    assert.deepEqual(await viaFetch('GET', `/v1/${subscription}`), before)
    assert.deepEqual(emulator.inspect(subscription).messages, [])
  })

  test('either name of a field, numbers as text, null for unset', async () => {
    const { project, topic } = await setUp()
    const settings = {
      topic,
      ack_deadline_seconds: '33',
      retainAckedMessages: true,
      labels: null,
      filter: null,
    }
    const { status, body } = await viaFetch('PUT', `/v1/${project}/subscriptions/other`, settings)
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual([body.ackDeadlineSeconds, body.retainAckedMessages], [33, true])
    const both = { subscription: { ackDeadlineSeconds: 44 }, update_mask: 'ack_deadline_seconds' }
    assert.equal((await viaFetch('PATCH', `/v1/${body.name}`, both)).body.ackDeadlineSeconds, 44)
  })

  test('percent-encoded names are decoded', async () => {
    const project = newProject()
    const names = ['plus+', 'tilde~', 'percent%', 'dot.', 'percent%2B']
    for (const name of names) {
      const path = `/v1/${project}/topics/${encodeURIComponent(name)}`
      assert.equal((await viaFetch('PUT', path)).body.name, `${project}/topics/${name}`)
      assert.equal((await viaFetch('GET', path)).status, 200)
    }
    const domain = 'projects/example.com%3Aproject/topics/the-topic'
    assert.equal((await viaFetch('PUT', `/v1/${domain}`)).body.name, decodeURIComponent(domain))
    for (const wrong of ['slash%2Fslash', 'not%zz', 'sch%C3%B6n', 'question%3F', 'space%20']) {
      const { status, body } = await viaFetch('PUT', `/v1/${project}/topics/${wrong}`)
      assert.equal(status, 400, `${wrong}: ${JSON.stringify(body)}`)
    }
    const { body } = await viaFetch('GET', `/v1/${project}/topics`)
    assert.equal(body.topics.length, names.length)
  })

  test('many calls on a keep-alive connection', async () => {
    const { topic, subscription } = await setUp()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ports = new Set<number | undefined>()
    const body = JSON.stringify({ messages: [{ data: base64('x') }] })
    const publish = async () => {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const sent = request(`${base}/v1/${topic}:publish`, { method: 'POST', agent }, (response) => {
        ports.add(response.socket.localPort)
        text(response).then(resolve, reject)
      })
      sent.on('error', reject)
      sent.end(body)
      return promise
    }
    for (let i = 0; i < 50; i += 1) assert.match(await publish(), /messageIds/)
    agent.destroy()
    assert.equal(ports.size, 1)
    assert.equal(emulator.inspect(subscription).counts.available, 50)
  })
})
