import assert from 'node:assert/strict'
import { test } from 'vitest'
import { programFindings, within } from './diagnose.ts'
import { version } from '#runtime/version.ts'

test('the versions of the ingester and of Node.js; one that is too old is a failure', () => {
  assert.deepEqual(
    programFindings('26.10.0').map(({ name, status, detail }) => [name, status, detail]),
    [
      ['ingester', 'ok', version],
      ['node', 'ok', '26.10.0'],
    ],
  )
  assert.equal(programFindings('22.20.0')[1]?.status, 'failed')
})

test('checks that never end, or fail unexpectedly, are a failure', async () => {
  const { promise } = Promise.withResolvers<never>()
  const late = await within('postgres', () => promise, 10)
  assert.deepEqual(
    late.map(({ name, status, detail }) => [name, status, detail]),
    [['postgres', 'failed', 'no answer within 0.01 s']],
  )
  const [faulty] = await within('redis', () => Promise.reject(new Error('oops')))
  assert.equal(faulty?.detail, 'oops')
  assert.deepEqual(await within('pubsub', async () => []), [])
})
