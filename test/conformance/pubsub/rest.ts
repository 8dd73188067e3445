import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Kit, OnServer } from './kit.ts'
import { newProject, only } from './kit.ts'

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: unknown
}

interface RestMessage {
  readonly ackId: string
  readonly message: Readonly<Record<string, unknown>>
}

export function restTests(onServer: OnServer): void {
  const call = async (
    { emulatorHost }: Kit,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer> => {
    const sent =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const response = await fetch(`http://${emulatorHost}${path}`, { method, ...sent })
    const text = await response.text()
    const type = response.headers.get('content-type') ?? ''
    return { status: response.status, type, body: type.includes('json') ? JSON.parse(text) : text }
  }

  const ok = async (
    kit: Kit,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Record<string, unknown>> => {
    const answer = await call(kit, method, path, body)
    assert.equal(answer.status, 200, JSON.stringify(answer))
    assert.match(answer.type, /^application\/json/)
    return answer.body as Record<string, unknown>
  }

  const failed = async (answer: Promise<Answer>, code: number, status: string, message = /./) => {
    const { status: http, body } = await answer
    assert.equal(http, code)
    const { error } = body as { error: { code: number; message: string; status: string } }
    assert.deepEqual({ code: error.code, status: error.status }, { code, status })
    assert.match(error.message, message)
  }

  /** A topic and a subscription in a project of their own. */
  const setUp = async (kit: Kit, settings: object = {}) => {
    const project = `projects/${newProject()}`
    const topic = `${project}/topics/topic`
    const subscription = `${project}/subscriptions/subscription`
    await ok(kit, 'PUT', `/v1/${topic}`, {})
    await ok(kit, 'PUT', `/v1/${subscription}`, { topic, ...settings })
    return { project, topic, subscription }
  }

  const pull = async (kit: Kit, subscription: string): Promise<RestMessage[]> => {
    const asked = { maxMessages: 10, returnImmediately: true }
    const { receivedMessages = [] } = await ok(kit, 'POST', `/v1/${subscription}:pull`, asked)
    return receivedMessages as RestMessage[]
  }

  // In proto3's JSON what is empty may be left out.
  const namesOf = ({ topics = [] }: Record<string, unknown>) =>
    (topics as { name: string }[]).map(({ name }) => name)

  describe('REST', () => {
    test(
      'the root answers',
      onServer(async (kit) => {
        assert.equal((await call(kit, 'GET', '/')).status, 200)
      }),
    )

    test(
      'other paths are not found',
      onServer(async (kit) => {
        for (const path of ['/nope', '/v1/nope', '/v1/projects/abc/nope/def']) {
          assert.equal((await call(kit, 'GET', path)).status, 404)
        }
        const { topic } = await setUp(kit)
        assert.equal((await call(kit, 'POST', `/v1/${topic}:nope`, {})).status, 404)
      }),
    )

    test(
      'a topic from creation to deletion',
      onServer(async (kit) => {
        const project = `projects/${newProject()}`
        const [bare, empty, full] = ['bare', 'empty', 'full'].map((id) => `${project}/topics/${id}`)
        assert.equal((await ok(kit, 'PUT', `/v1/${bare}`))['name'], bare)
        assert.equal((await ok(kit, 'PUT', `/v1/${empty}`, {}))['name'], empty)
        const settings = { labels: { a: 'b' }, messageRetentionDuration: '3600s' }
        const created = await ok(kit, 'PUT', `/v1/${full}`, settings)
        assert.partialDeepStrictEqual(created, { name: full, ...settings })
        assert.deepEqual(await ok(kit, 'GET', `/v1/${full}`), created)
        const changed = {
          topic: { messageRetentionDuration: '7200s' },
          updateMask: 'messageRetentionDuration',
        }
        const after = await ok(kit, 'PATCH', `/v1/${full}`, changed)
        assert.equal(after['messageRetentionDuration'], '7200s')
        assert.deepEqual(await ok(kit, 'DELETE', `/v1/${full}`), {})
        await failed(call(kit, 'GET', `/v1/${full}`), 404, 'NOT_FOUND')
        assert.deepEqual(namesOf(await ok(kit, 'GET', `/v1/${project}/topics`)), [bare, empty])
      }),
    )

    test(
      'lists page by page',
      onServer(async (kit) => {
        const project = `projects/${newProject()}`
        const names = ['aaa', 'bbb', 'ccc'].map((id) => `${project}/topics/${id}`)
        for (const name of names) await ok(kit, 'PUT', `/v1/${name}`)
        const first = await ok(kit, 'GET', `/v1/${project}/topics?pageSize=2`)
        const token = encodeURIComponent(String(first['nextPageToken']))
        const second = await ok(kit, 'GET', `/v1/${project}/topics?pageSize=2&pageToken=${token}`)
        assert.equal(second['nextPageToken'] ?? '', '')
        assert.deepEqual([...namesOf(first), ...namesOf(second)], names)
        assert.deepEqual(namesOf(await ok(kit, 'GET', `/v1/projects/${newProject()}/topics`)), [])
      }),
    )

    test(
      'a subscription from creation to deletion',
      onServer(async (kit) => {
        const { project, topic, subscription } = await setUp(kit)
        const created = await ok(kit, 'GET', `/v1/${subscription}`)
        const expected = {
          name: subscription,
          topic,
          ackDeadlineSeconds: 10,
          messageRetentionDuration: '604800s',
        }
        assert.partialDeepStrictEqual(created, expected)
        const changed = { subscription: { ackDeadlineSeconds: 30 }, updateMask: 'ackDeadlineSeconds' }
        const updated = await ok(kit, 'PATCH', `/v1/${subscription}`, changed)
        assert.deepEqual(updated, { ...created, ackDeadlineSeconds: 30 })
        const inProject = await ok(kit, 'GET', `/v1/${project}/subscriptions`)
        assert.deepEqual(inProject['subscriptions'], [updated])
        const ofTopic = await ok(kit, 'GET', `/v1/${topic}/subscriptions`)
        assert.deepEqual(ofTopic['subscriptions'], [subscription])
        assert.deepEqual(await ok(kit, 'DELETE', `/v1/${subscription}`), {})
        await failed(call(kit, 'GET', `/v1/${subscription}`), 404, 'NOT_FOUND')
      }),
    )

    test(
      'publishes, pulls, and acks',
      onServer(async (kit) => {
        const { topic, subscription } = await setUp(kit)
        assert.deepEqual(await pull(kit, subscription), [])
        const message = { data: '/+8=', attributes: { clé: '😀' }, orderingKey: 'k' }
        const { messageIds } = await ok(kit, 'POST', `/v1/${topic}:publish`, { messages: [message] })
        const id = only(messageIds as string[])
        const received = only(await pull(kit, subscription))
        const { publishTime, ...rest } = received.message
        assert.deepEqual(rest, { ...message, messageId: id })
        assert.match(String(publishTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
        const path = `/v1/${subscription}:acknowledge`
        assert.deepEqual(await ok(kit, 'POST', path, { ackIds: [received.ackId] }), {})
        const nack = { ackIds: [received.ackId], ackDeadlineSeconds: 0 }
        assert.deepEqual(await ok(kit, 'POST', `/v1/${subscription}:modifyAckDeadline`, nack), {})
        assert.deepEqual(await pull(kit, subscription), [])
      }),
    )

    test(
      'nacks',
      onServer(async (kit) => {
        const { topic, subscription } = await setUp(kit)
        await ok(kit, 'POST', `/v1/${topic}:publish`, { messages: [{ data: 'eA==' }] })
        const { ackId } = only(await pull(kit, subscription))
        const path = `/v1/${subscription}:modifyAckDeadline`
        await ok(kit, 'POST', path, { ackIds: [ackId], ackDeadlineSeconds: 0 })
        const again = only(await kit.receive(subscription, 1))
        assert.equal(again.text, 'x')
        assert.notEqual(again.ackId, ackId)
      }),
    )

    test(
      'gRPC and REST show the same',
      onServer(async (kit) => {
        const { topic, subscription } = await setUp(kit)
        await kit.publish(topic, 'hello')
        const { message, ackId } = only(await pull(kit, subscription))
        assert.equal(message['data'], Buffer.from('hello').toString('base64'))
        await kit.subscriber.acknowledge({ subscription, ackIds: [ackId] })
      }),
    )

    test(
      'errors match those of gRPC',
      onServer(async (kit) => {
        const { project, topic, subscription } = await setUp(kit)
        const nowhere = `${project}/topics/nowhere`
        const messages = [{ data: 'eA==' }]
        await failed(call(kit, 'PUT', `/v1/${topic}`), 409, 'ALREADY_EXISTS', /already exists/i)
        await failed(call(kit, 'GET', `/v1/${nowhere}`), 404, 'NOT_FOUND')
        await failed(call(kit, 'DELETE', `/v1/${nowhere}`), 404, 'NOT_FOUND')
        await failed(call(kit, 'POST', `/v1/${nowhere}:publish`, { messages }), 404, 'NOT_FOUND')
        const bad = `${project}/topics/1x`
        await failed(call(kit, 'PUT', `/v1/${bad}`), 400, 'INVALID_ARGUMENT', new RegExp(`name=${bad}`))
        const other = `/v1/${project}/subscriptions/other`
        await failed(call(kit, 'PUT', other, { topic: nowhere }), 404, 'NOT_FOUND')
        const path = `/v1/${subscription}:pull`
        await failed(call(kit, 'POST', path, {}), 400, 'INVALID_ARGUMENT', /max_messages/)
        const none = { messages: [] }
        await failed(call(kit, 'POST', `/v1/${topic}:publish`, none), 400, 'INVALID_ARGUMENT')
        const garbage = { ackIds: ['garbage'] }
        const ack = call(kit, 'POST', `/v1/${subscription}:acknowledge`, garbage)
        await failed(ack, 400, 'INVALID_ARGUMENT', /garbage/)
      }),
    )

    test(
      'a body must be the JSON of its request',
      onServer(async (kit) => {
        const { project, topic } = await setUp(kit)
        const path = `/v1/${project}/topics/other`
        await failed(call(kit, 'PUT', path, { nonsense: 1 }), 400, 'INVALID_ARGUMENT')
        await failed(call(kit, 'PUT', path, 'text'), 400, 'INVALID_ARGUMENT')
        const messages = [{ data: '!!!' }]
        await failed(call(kit, 'POST', `/v1/${topic}:publish`, { messages }), 400, 'INVALID_ARGUMENT')
      }),
    )
  })
}
