import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { JSONObject } from 'proto3-json-serializer'
import { requestFrom } from './json-request.ts'
import { rpcs } from './schema.ts'

const typeOf = (name: string) => rpcs.find((rpc) => rpc.name === name)?.request ?? assert.fail(name)
const read = (rpc: string, json: JSONObject) => JSON.parse(JSON.stringify(requestFrom(typeOf(rpc), json)))

describe('a request as JSON', () => {
  test('may use either name of a field; null means unset', () => {
    const either = [{ ackDeadlineSeconds: 20, topic: null }, { ack_deadline_seconds: '20' }]
    for (const json of either) assert.equal(read('CreateSubscription', json).ackDeadlineSeconds, 20)
  })

  test('masks name fields as the proto files do, in either spelling', () => {
    for (const updateMask of ['ackDeadlineSeconds,labels', 'ack_deadline_seconds,labels']) {
      const { paths } = read('UpdateSubscription', { updateMask }).updateMask
      assert.deepEqual(paths, ['ack_deadline_seconds', 'labels'])
    }
  })

  for (const [rpc, json, why] of [
    ['CreateTopic', { nope: 1 }, /Unknown name "nope": Cannot find field/],
    ['CreateTopic', { constructor: {} }, /Unknown name "constructor"/],
    ['Publish', { messages: [{ daten: '' }] }, /Unknown name "daten" at 'messages\[0\]'/],
    ['CreateTopic', { name: 5 }, /at 'name': it must be a string/],
    ['CreateTopic', { labels: { a: 5 } }, /at 'labels\.a': it must be a string/],
    ['CreateTopic', { labels: [] }, /at 'labels': it must be an object/],
    ['CreateSubscription', { ackDeadlineSeconds: 1.5 }, /it must be a whole number/],
    ['CreateSubscription', { ackDeadlineSeconds: 'ten' }, /it must be a whole number/],
    ['CreateSubscription', { retainAckedMessages: 'yes' }, /it must be true or false/],
    ['CreateSubscription', { retryPolicy: 5 }, /at 'retryPolicy': it must be an object/],
    ['Publish', { messages: {} }, /at 'messages': it must be an array/],
    ['Publish', { messages: [{ data: '*' }] }, /at 'messages\[0\]\.data': it must be base64/],
    ['UpdateTopic', { updateMask: { paths: [] } }, /at 'updateMask': it must be a string of field names/],
  ] as const) {
    test(`${JSON.stringify(json)} is rejected, by name`, () => {
      assert.throws(() => read(rpc, json as unknown as JSONObject), {
        status: 'INVALID_ARGUMENT',
        message: why,
      })
    })
  }
})
