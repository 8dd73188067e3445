import assert from 'node:assert/strict'
import { test } from 'vitest'
import { isRejection } from '#core/rejection.ts'
import { systems } from '../registry.ts'
import { incrementDoor } from './door.ts'

const read = (body: string) =>
  incrementDoor.read({ params: {}, query: new URLSearchParams(), body: Buffer.from(body) })

test('a request becomes one message, in the one form of its increment', () => {
  const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
  const bodies = [
    `{"key":"${key}","value":9223372036854775807}`,
    ` { "value" : 9223372036854775807 , "key" : "${key.toUpperCase()}" } `,
  ]
  for (const body of bodies) {
    const messages = read(body)
    assert.ok(!isRejection(messages))
    assert.deepEqual(
      messages.map(({ data, ...others }) => [data.toString(), others]),
      [[`{"key":"${key}","value":9223372036854775807}`, {}]],
    )
  }
})

test('what is no increment is refused with the text that the client gets', () => {
  const rejection = read('{"key":"none","value":1}')
  assert.ok(isRejection(rejection))
  assert.equal(rejection.detail, "missing or invalid 'key'")
})

test('the examples of its description are true', () => {
  const { requestBody, responses } = incrementDoor.operation as {
    requestBody: { content: { 'application/json': { examples: Record<string, { value: object }> } } }
    responses: {
      '400': { content: { 'application/json': { examples: Record<string, { value: { error: string } }> } } }
    }
  }
  for (const { value } of Object.values(requestBody.content['application/json'].examples))
    assert.ok(!isRejection(read(JSON.stringify(value))))
  const key = '"5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90"'
  const bodies: Record<string, string> = {
    key: '{"value":1}',
    value: `{"key":${key},"value":0}`,
    member: `{"key":${key},"value":1,"count":1}`,
    twice: `{"key":${key},"value":1,"value":1}`,
    array: '[]',
    empty: '',
  }
  const { examples } = responses['400'].content['application/json']
  assert.deepEqual(Object.keys(bodies), Object.keys(examples))
  for (const [name, { value }] of Object.entries(examples)) {
    const rejection = read(bodies[name] as string)
    assert.ok(isRejection(rejection))
    assert.equal(rejection.detail, value.error)
  }
})

test('its description is JSON: it has nothing that a double changes', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(incrementDoor.operation)), incrementDoor.operation)
})

test('it is a door of its system', () => {
  assert.deepEqual(systems.get('increments')?.doors, [incrementDoor])
})
