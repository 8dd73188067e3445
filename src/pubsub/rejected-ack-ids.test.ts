import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Fields } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { RejectedAckIds } from './rejected-ack-ids.ts'

test('each call has its own warning and count, at most once in 10 s', async () => {
  const clock = new VirtualClock()
  const lines: Fields[] = []
  const told: unknown[] = []
  const logger = { ...noLogger, warn: (fields: Fields) => void lines.push(fields) }
  const ackIdsRejected = (...args: unknown[]) => void told.push(args)
  const rejected = new RejectedAckIds(clock, logger, { ackIdsRejected })
  rejected.add('ack', 1)
  rejected.add('ack', 2)
  rejected.add('extend', 4)
  rejected.add('extend', 8)
  await clock.advance(10_000)
  rejected.add('nack', 16)
  rejected.add('ack', 32)
  assert.deepEqual(lines, [
    { count: 1, call: 'ack' },
    { count: 4, call: 'extend' },
    { count: 16, call: 'nack' },
    { count: 34, call: 'ack' },
  ])
  assert.equal(told.length, 6)
})
