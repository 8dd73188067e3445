import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'vitest'
import { RemoteCounts } from './remote-counts.ts'

const metrics = (written: number, outstanding: number) => `
ingester_messages_settled_total{reason="written",pipeline="increments"} ${written}
ingester_messages_outstanding{pipeline="increments"} ${outstanding}
`
const never = new AbortController().signal

/** A process whose metrics are these texts in turn, the last one for ever. */
async function processWith(...texts: readonly [string, ...string[]]) {
  let asked = 0
  const server = createServer((_, response) => {
    response.end(texts[Math.min(asked, texts.length - 1)])
    asked += 1
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const counts = new RemoteCounts(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)
  return {
    counts,
    numbers: () => {
      const { received, written, outstanding } = counts.counts
      return [received, written, outstanding]
    },
    [Symbol.asyncDispose]: async () => {
      counts[Symbol.dispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

test('the last counts are those after everything is settled', async () => {
  await using one = await processWith(metrics(5, 3), metrics(7, 1), metrics(8, 0))
  await one.counts.settled(never)
  assert.deepEqual(one.numbers(), [8, 8, 0])
})

test('what is never settled is waited for until the limit', async () => {
  await using one = await processWith(metrics(5, 3))
  await one.counts.settled(AbortSignal.timeout(100))
  assert.deepEqual(one.numbers(), [8, 5, 3])
})

test('what a killed process held is no longer received; what it settled still counts', async () => {
  await using one = await processWith(metrics(5, 3), metrics(2, 1))
  await one.counts.read()
  await one.counts.whileKilled(async () => {})
  assert.deepEqual(one.numbers(), [5, 5, 0])
  await one.counts.read()
  assert.deepEqual(one.numbers(), [8, 7, 1])
})
