import assert from 'node:assert/strict'
import { test } from 'vitest'
import { grpcError } from '../../test/support/fake-publisher.ts'
import { publishFailureOf } from './publish-failure.ts'

const cases = [
  [3, 'You have passed an invalid argument', 'server', 'bad-message'],
  [5, 'Resource not found', 'server', 'refused'],
  [7, 'User not authorized', 'server', 'refused'],
  [9, 'The KMS key is disabled', 'server', 'refused'],
  [12, 'Unknown method', 'server', 'refused'],
  [16, 'Request had invalid authentication credentials', 'server', 'refused'],
  [16, 'Received HTTP status code 401', 'client', 'refused'],
  [8, 'Quota exceeded', 'server', 'not-sent'],
  [14, 'No connection established. Last error: connect ECONNREFUSED', 'client', 'not-sent'],
  [14, 'Name resolution failed for target dns:nowhere:443', 'client', 'not-sent'],
  [14, 'Channel closed before call started', 'client', 'not-sent'],
  [2, 'Getting metadata from plugin failed with error: no token', 'client', 'not-sent'],
  [14, 'Stream refused by server', 'client', 'not-sent'],
  [4, 'Deadline exceeded after 4.000s,name resolution: 0.001s,Waiting for LB pick', 'client', 'not-sent'],
  [4, 'Deadline exceeded after 4.000s,waiting for name resolution', 'client', 'not-sent'],
  [4, 'Deadline exceeded after 4.000s,LB pick: 0.1s,remote_addr=127.0.0.1:8085', 'client', 'unknown'],
  [4, 'Deadline exceeded', 'server', 'unknown'],
  [14, 'Connection dropped', 'client', 'unknown'],
  [14, 'read ECONNRESET', 'client', 'unknown'],
  [14, 'The service was unable to fulfill your request', 'server', 'unknown'],
  [14, 'Received HTTP status code 503', 'client', 'unknown'],
  [13, 'Received RST_STREAM with code 2', 'client', 'unknown'],
  [13, 'System error', 'server', 'unknown'],
  [2, 'Something', 'server', 'unknown'],
  [10, 'Aborted', 'server', 'unknown'],
  [1, 'Call cancelled', 'client', 'unknown'],
  [1, 'Cancelled', 'server', 'unknown'],
  // The status is that of a refusal, but the call was answered, or may have been read.
  [8, 'Received message larger than max (9 vs 8)', 'client', 'unknown'],
  [8, 'Bandwidth exhausted or memory limit exceeded', 'client', 'unknown'],
  // A proxy's words about a connection of its own.
  [14, 'No connection established', 'server', 'unknown'],
] as const

for (const [code, details, from, expected] of cases) {
  test(`${code} "${details}" of the ${from}: ${expected}`, () => {
    assert.equal(publishFailureOf(grpcError(code, details, from)), expected)
  })
}

test('what is no gRPC error leaves it open', () => {
  for (const thrown of [
    new Error('No connection established'),
    'The client has already been closed.',
    undefined,
  ])
    assert.equal(publishFailureOf(thrown), 'unknown')
})
