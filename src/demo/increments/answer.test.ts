import assert from 'node:assert/strict'
import { test } from 'vitest'
import { answerOf } from './answer.ts'

test('what an answer promises', () => {
  const promised = (status: number, body = '', retryAfter?: string) => answerOf(status, retryAfter, body)
  assert.deepEqual(promised(200), { outcome: 'confirmed', isFinal: true })
  for (const status of [400, 401, 404, 413, 415])
    assert.deepEqual(promised(status), { outcome: 'refused', isFinal: true })
  assert.deepEqual(promised(429, '', '2'), { outcome: 'refused', isFinal: false, retryAfterMs: 2000 })
  assert.deepEqual(promised(503, '{"code":"not-sent"}', '1'), {
    outcome: 'refused',
    isFinal: false,
    retryAfterMs: 1000,
  })
  for (const body of ['', 'not-sent', '{"code":"outcome-unknown"}', '{"error":"not-sent"}'])
    assert.deepEqual(promised(503, body), { outcome: 'unknown', isFinal: false })
  for (const status of [500, 502, 504]) assert.equal(promised(status).outcome, 'unknown')
})
