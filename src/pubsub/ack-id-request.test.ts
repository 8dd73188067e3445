import assert from 'node:assert/strict'
import { test } from 'vitest'
import { encodedStatus } from '#emulator/wire/error-details.ts'
import { partialFailure } from '#emulator/faults/ack-id-faults.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { ackIdErrors } from './ack-id-errors.ts'
import { AckIds } from './ack-ids.ts'
import { sendAckIds } from './ack-id-request.ts'

const [permanent, transient] = [
  'PERMANENT_FAILURE_INVALID_ACK_ID',
  'TRANSIENT_FAILURE_ACK_ID_SEND_AGAIN',
] as const
const [unavailable, invalidArgument, notFound] = [14, 3, 5]

const failure = (code: number) => Object.assign(new Error(`status ${code}`), { code })

/** As gRPC throws it. */
function partial(
  failed: Readonly<Record<string, typeof permanent | typeof transient>>,
  code = invalidArgument,
) {
  const refusal = partialFailure(new Map(Object.entries(failed)))
  const bytes = encodedStatus(refusal, refusal.info ?? assert.fail())
  return Object.assign(failure(code), { metadata: { get: () => [bytes] } })
}

/** Sends ids to a service that answers by turns; the last answer stays. */
async function outcome(
  ackIds: readonly string[],
  answer: (ackIds: readonly string[], call: number) => Error | undefined,
) {
  const clock = new VirtualClock()
  const calls: string[][] = []
  const [done, rejected]: [string[], string[]] = [[], []]
  const sending = sendAckIds(AckIds.ofTexts(ackIds), {
    send: async (sent) => {
      const some = sent.texts()
      const error = answer(some, calls.length)
      calls.push(some)
      if (error) throw error
    },
    done: (some) => done.push(...some),
    rejected: (some) => rejected.push(...some),
    clock,
    withinMs: 10_000,
    backoff: exponentialBackoff({ initialMs: 100, maxMs: 1000 }),
  })
  await clock.advance(20_000)
  const unsettled = await sending
  return { calls, done, rejected, left: unsettled?.ackIds.texts() ?? [] }
}

test('a rejected id is dropped; the others succeed and are not sent again', async () => {
  const found = await outcome(['a', 'b', 'c'], () => partial({ b: permanent }))
  assert.deepEqual(found, { calls: [['a', 'b', 'c']], done: ['a', 'c'], rejected: ['b'], left: [] })
})

test('an id that failed transiently is sent again, alone', async () => {
  const found = await outcome(['a', 'b', 'c'], (_, call) =>
    call === 0 ? partial({ b: transient, c: permanent }) : call < 3 ? partial({ b: transient }) : undefined,
  )
  assert.deepEqual(found.calls, [['a', 'b', 'c'], ['b'], ['b'], ['b']])
  assert.deepEqual([found.done, found.rejected, found.left], [['a', 'b'], ['c'], []])
})

test('an id that fails until the deadline is given up, and it alone', async () => {
  const found = await outcome(['a', 'b'], () => partial({ b: transient }, unavailable))
  assert.deepEqual([found.done, found.rejected, found.left], [['a'], [], ['b']])
  assert.ok(found.calls.length > 5, `${found.calls.length} tries`)
})

test('a request that fails without naming ids is sent again whole', async () => {
  const found = await outcome(['a', 'b'], (_, call) => (call < 2 ? failure(unavailable) : undefined))
  assert.deepEqual(found.calls, [
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
  ])
  assert.deepEqual([found.done, found.left], [['a', 'b'], []])
})

test('an error that no retry fixes is not retried', async () => {
  const found = await outcome(['a', 'b'], () => failure(notFound))
  assert.deepEqual([found.calls.length, found.left], [1, ['a', 'b']])
})

test('a malformed id, which fails the whole request unnamed, is found by bisection', async () => {
  const ackIds = Array.from({ length: 60 }, (_, at) => `id ${at}`)
  const found = await outcome(ackIds, (some) =>
    some.includes('id 7') ? failure(invalidArgument) : undefined,
  )
  assert.deepEqual([found.rejected, found.left], [['id 7'], []])
  assert.equal(found.done.length, 59)
  assert.ok(found.calls.length <= 13, `${found.calls.length} calls`)
})

test('if all ids are malformed, it gives up before there is a call for each', async () => {
  const ackIds = Array.from({ length: 2500 }, (_, at) => `id ${at}`)
  const found = await outcome(ackIds, () => failure(invalidArgument))
  assert.ok(found.calls.length < 100, `${found.calls.length} calls`)
  assert.equal(found.rejected.length + found.left.length, 2500)
})

test('undecodable details count as none', () => {
  const unreadable = Object.assign(failure(invalidArgument), {
    metadata: { get: () => [Buffer.from([0x1a, 0x7f, 1]), 'text'] },
  })
  for (const error of [unreadable, failure(invalidArgument), undefined, 'text'])
    assert.equal(ackIdErrors(error).size, 0)
})
