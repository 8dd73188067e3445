import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../../test/support/seed.ts'
import { Entry, EntryList } from './entry.ts'
import { newMessage } from './message.ts'

const message = newMessage({ data: Buffer.from('x') }, '1', 0)
const newEntry = (sequence: number) => new Entry(message, sequence)
const newEntries = (count: number) => Array.from({ length: count }, (_, i) => newEntry(i + 1))

/** Numbers of the members, read along the links both ways, which have to agree with each other and with the ends. */
function numbersOf(list: EntryList): number[] {
  const forth: number[] = []
  for (let entry = list.first; entry; entry = entry.next) {
    assert.equal(entry.list, list)
    forth.push(entry.sequence)
  }
  const back: number[] = []
  for (let entry = list.last; entry; entry = entry.previous) back.unshift(entry.sequence)
  assert.deepEqual(back, forth)
  assert.equal(list.size, forth.length)
  return forth
}

describe('a linked list of entries', () => {
  test('takes entries at either end, and returns the first', () => {
    const list = new EntryList()
    const [one, two, three] = newEntries(3) as [Entry, Entry, Entry]
    assert.equal(list.shift(), undefined)
    list.push(two)
    list.push(three)
    list.unshift(one)
    assert.deepEqual(numbersOf(list), [1, 2, 3])
    assert.equal(list.shift(), one)
    assert.deepEqual(numbersOf(list), [2, 3])
  })

  test('inserts an entry a given number of places before the end, or first if the list is shorter', () => {
    for (const [places, expected] of [
      [0, [1, 2, 3, 9]],
      [1, [1, 2, 9, 3]],
      [3, [9, 1, 2, 3]],
      [4, [9, 1, 2, 3]],
      [1000, [9, 1, 2, 3]],
    ] as const) {
      const list = new EntryList()
      for (const entry of newEntries(3)) list.push(entry)
      list.insertFromEnd(newEntry(9), places)
      assert.deepEqual(numbersOf(list), expected, `${places} places`)
    }
  })

  test('clears the links of a removed entry, which may then be inserted again', () => {
    const list = new EntryList()
    const [one, two, three] = newEntries(3) as [Entry, Entry, Entry]
    for (const entry of [one, two, three]) list.push(entry)
    list.remove(two)
    assert.deepEqual([two.list, two.previous, two.next], [undefined, undefined, undefined])
    assert.deepEqual(numbersOf(list), [1, 3])
    list.push(two)
    assert.deepEqual(numbersOf(list), [1, 3, 2])
  })

  test('rejects an entry that is already in a list', () => {
    const [list, other] = [new EntryList(), new EntryList()]
    const entry = newEntry(1)
    list.push(entry)
    for (const full of [list, other]) {
      assert.throws(() => full.push(entry), /in one list at most/)
      assert.throws(() => full.unshift(entry), /in one list at most/)
      assert.throws(() => full.insertFromEnd(entry, 1), /in one list at most/)
    }
    assert.deepEqual([numbersOf(list), numbersOf(other)], [[1], []])
  })

  test('behaves like an array, whatever is done in whatever order', () => {
    const places = fc.nat({ max: 12 })
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('push', 'unshift', 'shift'), at: places }),
      fc.record({ kind: fc.constantFrom('insertFromEnd', 'remove'), at: places }),
    )
    always(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new EntryList()
        const model: Entry[] = []
        for (const [i, { kind, at }] of steps.entries()) {
          const entry = newEntry(i)
          if (kind === 'push') {
            list.push(entry)
            model.push(entry)
          } else if (kind === 'unshift') {
            list.unshift(entry)
            model.unshift(entry)
          } else if (kind === 'insertFromEnd') {
            list.insertFromEnd(entry, at)
            model.splice(Math.max(0, model.length - at), 0, entry)
          } else if (kind === 'shift') {
            assert.equal(list.shift(), model.shift())
          } else if (model.length > 0) {
            const [removed] = model.splice(at % model.length, 1)
            list.remove(removed as Entry)
          }
          assert.deepEqual(
            numbersOf(list),
            model.map(({ sequence }) => sequence),
          )
        }
      }),
      500,
    )
  })
})
