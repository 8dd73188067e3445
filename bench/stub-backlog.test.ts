import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { StubBacklog } from './stub-backlog.ts'

const backlogOf = async (messages: number, preEncode: boolean, barrier = 0) => {
  const backlog = new StubBacklog({
    messages,
    dataOf: (i) => Buffer.from(`message ${i}`),
    preEncode,
    barrier,
  })
  await backlog.prepare()
  return backlog
}

/** All that it gives, until it has none. */
function takeAll(backlog: StubBacklog, most: number, leaseEndMs: number): number[] {
  const ids: number[] = []
  for (let parcel = backlog.take(most, leaseEndMs); parcel; parcel = backlog.take(most, leaseEndMs)) {
    assert.ok(parcel.ids.length <= most)
    ids.push(...parcel.ids)
  }
  return ids
}

for (const preEncode of [true, false]) {
  describe(preEncode ? 'encoded beforehand' : 'encoded as it goes', () => {
    test('each message is sent once, in order, and never more at a time than requested', async () => {
      const ids = takeAll(await backlogOf(2500, preEncode), 700, 1000)
      assert.deepEqual(
        ids,
        Array.from({ length: 2500 }, (_, i) => i),
      )
    })

    test('a nacked message is redelivered with the same bytes, and an acked one is not', async () => {
      const backlog = await backlogOf(3, preEncode)
      const first = backlog.take(1, 1000)
      takeAll(backlog, 10, 1000)
      backlog.ack(1)
      backlog.nack(0)
      backlog.nack(1)
      const again = backlog.take(10, 1000)
      assert.deepEqual(again, first)
      assert.equal(backlog.take(10, 1000), undefined)
    })
  })
}

test('messages after the barrier are sent when all before it are acked', async () => {
  const backlog = await backlogOf(5, true, 3)
  assert.deepEqual(takeAll(backlog, 10, 1000), [0, 1, 2])
  for (const id of [0, 1]) backlog.ack(id)
  assert.equal(backlog.take(10, 1000), undefined)
  backlog.ack(2)
  assert.deepEqual(takeAll(backlog, 10, 1000), [3, 4])
})

test('a message that is nacked and then acked is not redelivered', async () => {
  const backlog = await backlogOf(2, true)
  takeAll(backlog, 10, 1000)
  for (const id of [0, 1]) backlog.nack(id)
  backlog.ack(1)
  assert.deepEqual(takeAll(backlog, 10, 1000), [0])
})

test('a message that is nacked twice is redelivered once', async () => {
  const backlog = await backlogOf(1, true)
  takeAll(backlog, 10, 1000)
  for (const id of [0, 0]) backlog.nack(id)
  assert.deepEqual(takeAll(backlog, 10, 1000), [0])
})

test('an ack counts once', async () => {
  const backlog = await backlogOf(2, true)
  takeAll(backlog, 10, 1000)
  assert.deepEqual([backlog.ack(1), backlog.ack(1), backlog.acked], [true, false, 1])
})

test('an expired lease returns its message; one that was extended, acked or never began does not', async () => {
  const backlog = await backlogOf(5, true)
  backlog.take(4, 1000)
  backlog.ack(0)
  backlog.extend(1, 2000)
  assert.deepEqual(backlog.expire(999), [])
  assert.deepEqual(backlog.expire(1000), [2, 3])
  assert.deepEqual(backlog.expire(1500), [])
  assert.deepEqual(backlog.expire(2000), [1])
  assert.deepEqual(new Set(takeAll(backlog, 10, 3000)), new Set([1, 2, 3, 4]))
})
