// Plans that broke a promise once, cut down by the simulation. Each stays here under the name of what was wrong.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Plan } from './plan.ts'
import { simulate } from './simulate.ts'

const found: Readonly<Record<string, Plan>> = {
  'a refused row that was all that was left in hand prolonged the outage for ever': {
    dice: 2056280401,
    subject: 'words',
    replicas: 1,
    workers: 2,
    maxBatchRecords: 1,
    maxBatchBytes: 1000,
    flushIntervalMs: 0,
    maxMessages: 1000,
    maxBytes: 100000,
    ackDeadlineMs: 10000,
    cache: true,
    claims: false,
    watermarkLifeMs: 3600000,
    weather: {
      redis: { requestLost: 0, replyLost: 0, late: 0, slow: 0 },
      postgres: { requestLost: 0, replyLost: 0, late: 0, slow: 0 },
      broker: { requestLost: 0.1, replyLost: 0.1, late: 0.1, slow: 0.3 },
    },
    conflicts: 0,
    timeouts: 0.03,
    duplicates: 0,
    responsesLost: 0,
    shuffle: 0,
    dawdleMs: 0,
    ignoresFlowControl: false,
    events: [
      { atMs: 4970, do: 'publish', message: { key: 0, version: '2', content: 'y', invalid: 'malformed' } },
      { atMs: 4970, do: 'publish', message: { key: 0, version: '11', content: 'bad' } },
      { atMs: 5497, do: 'publish', message: { key: 1, version: '9007199254740992', content: 'bad' } },
      { atMs: 9426, do: 'publish', message: { key: 2, version: '9223372036854775807', content: 'NULL' } },
    ],
  },
  'what was in hand was settled without the table, and the outage never ended': {
    dice: 2011564407,
    subject: 'words',
    replicas: 1,
    workers: 1,
    maxBatchRecords: 1,
    maxBatchBytes: 1000,
    flushIntervalMs: 0,
    maxMessages: 4,
    maxBytes: 100000,
    ackDeadlineMs: 10000,
    cache: true,
    claims: false,
    watermarkLifeMs: 3600000,
    weather: {
      redis: { requestLost: 0, replyLost: 0, late: 0, slow: 0 },
      postgres: { requestLost: 0.3, replyLost: 0.1, late: 0, slow: 0.03 },
      broker: { requestLost: 0, replyLost: 0, late: 0, slow: 0 },
    },
    conflicts: 0.1,
    timeouts: 0.1,
    duplicates: 0.5,
    responsesLost: 0,
    shuffle: 0,
    dawdleMs: 0,
    ignoresFlowControl: false,
    events: [
      { atMs: 243, do: 'publish', message: { key: 2, version: '9', content: '😀' } },
      { atMs: 865, do: 'publish', message: { key: 0, version: '9', content: 'é' } },
      { atMs: 865, do: 'publish', message: { key: 2, version: '11', content: '{,}' } },
      { atMs: 1638, do: 'publish', message: { key: 0, version: '10', content: 'y' } },
      { atMs: 1753, do: 'publish', message: { key: 0, version: '10', content: 'y' } },
    ],
  },
}

for (const [name, plan] of Object.entries(found)) {
  test(`kept again: ${name}`, async () => {
    const { breaches } = await simulate(plan)
    assert.deepEqual(breaches, [])
  })
}
