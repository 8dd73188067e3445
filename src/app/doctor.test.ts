import assert from 'node:assert/strict'
import { test } from 'node:test'
import { programFindings } from './doctor.ts'
import { version } from './version.ts'

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
