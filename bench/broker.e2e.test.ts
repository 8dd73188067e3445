import assert from 'node:assert/strict'
import { test } from 'vitest'
import { startBroker } from './broker.ts'

test('a broker that does not start in time is given up', async () => {
  const workload = { kind: 'new keys', messages: 10, warmUp: 0, tableRows: 0, responseBytes: 40 } as const
  const options = {
    kind: 'stub',
    workload,
    marks: [10],
    preEncode: true,
    publishPerSecond: undefined,
  } as const
  const start = async () => {
    // A process does not start in a millisecond.
    await using _ = await startBroker(options, 1)
  }
  await assert.rejects(start, /the broker was not loaded within 0.001 s/)
})
