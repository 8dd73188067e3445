import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../../test/support/seed.ts'
import { Entry } from './entry.ts'
import { newMessage } from './message.ts'
import { OrderedKeys } from './ordered-keys.ts'

const newEntry = (sequence: number, orderingKey = 'k') =>
  new Entry(newMessage({ data: Buffer.from('x'), orderingKey }, String(sequence), 0), sequence)

const numbersOf = (entries: readonly Entry[]) => entries.map(({ sequence }) => sequence)

/** This many of one key, of which the first `out` are delivered. */
function newKey(count: number, out: number) {
  const keys = new OrderedKeys()
  const entries = Array.from({ length: count }, (_, i) => newEntry(i + 1))
  for (const entry of entries) keys.enter(entry)
  for (const entry of entries.slice(0, out)) keys.leased(entry)
  const at = (number: number) => entries[number - 1] as Entry
  /** Acks it; returns the numbers of those that are done with, and of the next one. */
  const settle = (number: number) => {
    at(number).state = 'acked'
    const { done, next } = keys.settled(at(number))
    return { done: numbersOf(done), next: next?.sequence }
  }
  return { keys, at, settle }
}

describe('ordering keys', () => {
  test('the first message of each key has its turn', () => {
    const keys = new OrderedKeys()
    assert.equal(keys.enter(newEntry(1, 'a')), true)
    assert.equal(keys.enter(newEntry(2, 'a')), false)
    assert.equal(keys.enter(newEntry(3, 'b')), true)
    assert.equal(keys.enter(newEntry(4, 'a')), false)
  })

  test('following messages may be delivered with it, one after the other', () => {
    const { keys, at } = newKey(3, 1)
    assert.equal(keys.following(at(1)), at(2))
    keys.leased(at(2))
    assert.equal(keys.following(at(1)), at(3))
    keys.leased(at(3))
    assert.equal(keys.following(at(1)), undefined)
  })

  test('a message is finished when it and all before it are settled; then the next one has its turn', () => {
    const none = { done: [], next: undefined }
    for (const [order, expected] of [
      [
        [1, 2, 3],
        [
          { done: [1], next: undefined },
          { done: [2], next: undefined },
          { done: [3], next: 4 },
        ],
      ],
      [
        [3, 2, 1],
        [none, none, { done: [1, 2, 3], next: 4 }],
      ],
      [
        [2, 1, 3],
        [none, { done: [1, 2], next: undefined }, { done: [3], next: 4 }],
      ],
    ] as const) {
      const { keys, settle } = newKey(5, 3)
      assert.deepEqual(order.map(settle), expected, `settled ${order.join()}`)
      assert.equal(keys.enter(newEntry(6)), false)
    }
  })

  test('a message that is settled before its delivery passes its turn to the next', () => {
    const { keys, settle } = newKey(2, 0)
    assert.deepEqual(settle(1), { done: [1], next: 2 })
    assert.deepEqual(settle(2), { done: [2], next: undefined })
    assert.equal(keys.enter(newEntry(3)), true, 'nothing of the key is left')
  })

  test('behind it are the messages delivered after it, including acked ones', () => {
    const { keys, at, settle } = newKey(5, 4)
    assert.deepEqual(numbersOf(keys.behind(at(2))), [3, 4])
    assert.deepEqual(numbersOf(keys.behind(at(4))), [])
    settle(3)
    assert.deepEqual(numbersOf(keys.behind(at(1))), [2, 3, 4])
    settle(1)
    assert.deepEqual(numbersOf(keys.behind(at(2))), [3, 4])
  })

  test('a failed message has its turn again at once if nothing before it is outstanding, and recalls those behind it', () => {
    const { keys, at, settle } = newKey(5, 3)
    settle(1)
    assert.equal(keys.failed(at(2)), at(2))
    keys.leased(at(2))
    assert.equal(keys.following(at(2)), at(3))
    keys.leased(at(3))
    assert.equal(keys.following(at(2)), at(4))
  })

  test('otherwise it waits for those before it', () => {
    const { keys, at, settle } = newKey(5, 3)
    assert.equal(keys.failed(at(2)), undefined)
    assert.deepEqual(numbersOf(keys.behind(at(1))), [], 'nothing else is out')
    assert.deepEqual(settle(1), { done: [1], next: 2 })
  })

  test('messages that fail one by one from the back are in order again', () => {
    const { keys, at } = newKey(4, 3)
    assert.equal(keys.failed(at(3)), undefined)
    assert.equal(keys.failed(at(2)), undefined)
    assert.equal(keys.failed(at(1)), at(1))
    const order = [1]
    keys.leased(at(1))
    for (let next = keys.following(at(1)); next; next = keys.following(at(1))) {
      order.push(next.sequence)
      keys.leased(next)
    }
    assert.deepEqual(order, [1, 2, 3, 4])
  })

  test('a finished key starts anew, and so do all of them when they are cleared', () => {
    const { keys, settle } = newKey(1, 1)
    assert.deepEqual(settle(1), { done: [1], next: undefined })
    const second = newEntry(2)
    assert.equal(keys.enter(second), true)
    keys.clear()
    assert.equal(keys.enter(newEntry(3)), true)
  })

  test('an entry of an unknown key is an error', () => {
    assert.throws(() => new OrderedKeys().settled(newEntry(1)), /key is not known/)
  })

  test('whatever fails and is settled, no message overtakes another, and a key has one turn at a time', () => {
    const step = fc.record({
      kind: fc.constantFrom('enter', 'deliver', 'follow', 'settle', 'fail'),
      at: fc.nat({ max: 20 }),
    })
    always(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const keys = new OrderedKeys()
        let turn: Entry | undefined
        /** Delivered and not done with, in order. */
        let out: Entry[] = []
        let entered = 0
        let done = 0
        const turnOf = (entry: Entry | undefined) => {
          if (!entry) return
          assert.deepEqual([turn, out], [undefined, []], 'a turn while there is another, or some are out')
          turn = entry
        }
        const deliver = (entry: Entry) => {
          assert.equal(entry.sequence, done + out.length + 1, 'it is not the next one')
          entry.state = 'leased'
          keys.leased(entry)
          out.push(entry)
        }
        for (const { kind, at } of steps) {
          const leased = out.filter(({ state }) => state === 'leased')
          const chosen = leased[at % Math.max(1, leased.length)]
          if (kind === 'enter') {
            const entry = newEntry(++entered)
            if (keys.enter(entry)) turnOf(entry)
          } else if (kind === 'deliver' && turn) {
            const entry = turn
            turn = undefined
            deliver(entry)
          } else if (kind === 'follow' && chosen) {
            const next = keys.following(chosen)
            if (next) deliver(next)
          } else if (kind === 'settle' && chosen) {
            chosen.state = 'acked'
            const settled = keys.settled(chosen)
            assert.deepEqual(settled.done, out.slice(0, settled.done.length))
            out = out.slice(settled.done.length)
            assert.notEqual(out[0]?.state, 'acked')
            done += settled.done.length
            turnOf(settled.next)
          } else if (kind === 'fail' && chosen) {
            const back = [chosen, ...keys.behind(chosen)]
            assert.deepEqual(back, out.slice(out.indexOf(chosen)))
            out = out.slice(0, out.indexOf(chosen))
            for (const entry of back) entry.state = 'available'
            turnOf(keys.failed(chosen))
          }
          assert.ok(turn || out.length > 0 || done === entered, 'the key has come to a stop')
        }
      }),
      500,
    )
  })
})
