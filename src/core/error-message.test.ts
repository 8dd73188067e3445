import assert from 'node:assert/strict'
import { test } from 'vitest'
import { messageOf } from './error-message.ts'

test('the text that a person reads for anything thrown', () => {
  assert.equal(messageOf(new Error('disk full')), 'disk full')
  assert.equal(messageOf(new TypeError()), 'TypeError')
  assert.equal(messageOf('just text'), 'just text')
  assert.equal(messageOf(undefined), 'undefined')
  const both = new AggregateError([
    new Error('connect ECONNREFUSED ::1:5432'),
    new Error('connect ECONNREFUSED 127.0.0.1:5432'),
  ])
  assert.equal(messageOf(both), 'connect ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432')
})

test('a failed connection of gRPC is told by its cause', () => {
  const cause = 'connect ECONNREFUSED 127.0.0.1:1'
  const failed = (note: string) =>
    new Error(
      `14 UNAVAILABLE: No connection established. Last error: Error: ${cause}. Resolution note: ${note}`,
    )
  assert.equal(messageOf(failed('')), `14 UNAVAILABLE: ${cause}`)
  assert.equal(messageOf(failed('of some use')), failed('of some use').message)
})
