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
