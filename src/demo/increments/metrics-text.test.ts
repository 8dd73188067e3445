import assert from 'node:assert/strict'
import { test } from 'vitest'
import { noCounts, readCounts } from './metrics-text.ts'

test('what an ingester has done, by its metrics: received is what was settled and what is outstanding', () => {
  const text = `# HELP ingester_messages_received_total Deliveries received
ingester_messages_received_total{pipeline="increments"} 13
ingester_messages_settled_total{reason="written",pipeline="increments"} 5
ingester_messages_settled_total{reason="duplicate",pipeline="increments"} 3
ingester_messages_settled_total{reason="dead-lettered",pipeline="increments"} 1
ingester_messages_outstanding{pipeline="increments"} 3
ingester_batch_records_bucket{le="1",pipeline="increments"} 77
ingester_batch_records_sum{pipeline="increments"} 8
`
  const { received, written, duplicate, deadLettered, outstanding, offered } = readCounts(text)
  assert.deepEqual([received, written, duplicate, deadLettered, outstanding, offered], [12, 5, 3, 1, 3, 8])
  assert.deepEqual(readCounts(''), noCounts)
})
