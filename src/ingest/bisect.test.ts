import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { FailureClass } from '#core/write-failure.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { entryOf } from '../../test/support/arrivals.ts'
import { alwaysAsync } from '../../test/support/seed.ts'
import { bisect } from './bisect.ts'
import type { Entry } from './entry.ts'
import type { Written } from './flush.ts'

const entries = (count: number) => Array.from({ length: count }, (_, i) => entryOf(`k${i} 1 x`))
const keyOf = (entry: Entry) => entry.winner.record.key

/** A store that refuses these rows, and notes its statements. */
function storeRefusing(refused: ReadonlyMap<string, WriteFailure>) {
  const statements: string[][] = []
  const committed: string[] = []
  const attempt = async (part: readonly Entry[]) => {
    const keys = part.map(keyOf)
    statements.push(keys)
    const failure = keys.map((key) => refused.get(key)).find(Boolean)
    if (failure) throw failure
    committed.push(...keys)
    return placed(part)
  }
  return { attempt, statements, committed }
}

/** All of it is new to the table. */
const placed = (part: readonly Entry[]): Written => ({
  entries: part,
  placed: part.length,
  refused: [],
})

/** The table still takes what it has taken. */
const works = async () => {}

const failure = (failureClass: FailureClass, code?: string) => new WriteFailure(failureClass, 'no', code)

test('finds exactly the rows that are rejected alone; all others are committed once', async () => {
  const bad = fc.uniqueArray(fc.nat(99), { maxLength: 19 })
  await alwaysAsync(
    fc.asyncProperty(fc.integer({ min: 1, max: 100 }), bad, async (count, indexes) => {
      const keys = indexes.filter((i) => i < count).map((i) => `k${i}`)
      const store = storeRefusing(new Map(keys.map((key) => [key, failure('bad-row', '23514')])))
      const { refused, neighbour } = await bisect(entries(count), store.attempt, works)
      assert.deepEqual(refused.map(({ entry }) => keyOf(entry)).toSorted(), keys.toSorted())
      assert.equal(store.committed.length, count - keys.length)
      assert.equal(new Set(store.committed).size, store.committed.length)
      assert.equal(store.committed.length > 0, neighbour !== undefined)
      if (neighbour) assert.ok(store.committed.includes(keyOf(neighbour)))
    }),
  )
})

test('a deletion is no neighbour, and a part counts as placed by more than its deletions', async () => {
  const gone = (entry: Entry): Entry => ({
    ...entry,
    winner: {
      ...entry.winner,
      record: { ...entry.winner.record, guard: { isGone: true, ranks: [], publishTimeMs: 0 } },
    },
  })
  const store = storeRefusing(new Map([['k0', failure('bad-row', '23503')]]))
  const [bad, deleted, other] = entries(3) as [Entry, Entry, Entry]
  assert.equal((await bisect([bad, gone(deleted)], store.attempt, works)).neighbour, undefined)
  const found = await bisect([bad, gone(deleted), other], store.attempt, works)
  assert.equal(found.neighbour && keyOf(found.neighbour), 'k2')
  const stale = async (part: readonly Entry[]) => ({
    ...(await store.attempt(part)),
    placed: part.length - 1,
  })
  const { refused } = await bisect([other, gone(deleted), bad, bad], stale, works)
  assert.deepEqual(
    refused.map(({ isProven }) => isProven),
    [false, false],
  )
})

test('one bad row among 1024 costs 21 statements, none of which repeats the whole', async () => {
  const store = storeRefusing(new Map([['k700', failure('bad-row')]]))
  await bisect(entries(1024), store.attempt, works)
  assert.equal(store.statements.length, 21)
  assert.ok(store.statements.every((keys) => keys.length <= 512))
})

test('a single entry is tried alone', async () => {
  const bad = failure('bad-row')
  const [entry] = entries(1)
  assert.ok(entry)
  const outcome = await bisect([entry], storeRefusing(new Map([['k0', bad]])).attempt, works)
  assert.deepEqual(outcome, { refused: [{ entry, failure: bad, isProven: false }], neighbour: undefined })
})

test('a row rejected before a commit is retried after it: the table may have been fixed meanwhile', async () => {
  let refusals = 3
  const statements: string[][] = []
  const { refused, neighbour } = await bisect(
    entries(8),
    async (part) => {
      statements.push(part.map(keyOf))
      if (--refusals >= 0) throw failure('bad-row')
      return placed(part)
    },
    works,
  )
  assert.deepEqual(refused, [])
  assert.deepEqual(statements.at(-1), ['k0'], 'the only one that was refused alone')
  assert.ok(neighbour)
})

test('a rejected row is rejected once more only after a neighbour is accepted again', async () => {
  const store = storeRefusing(new Map([['k1', failure('bad-row')]]))
  const { refused } = await bisect(entries(2), store.attempt, async (neighbour) => {
    store.statements.push([`${keyOf(neighbour)} again`])
  })
  assert.equal(refused.length, 1)
  assert.deepEqual(store.statements, [['k0'], ['k1'], ['k0 again'], ['k1']])
  const spoilt = failure('bad-row', '23502')
  await assert.rejects(
    bisect(entries(2), store.attempt, () => Promise.reject(spoilt)),
    (error) => error === spoilt,
  )
})

test('a row that is rejected for another cause the second time proves nothing', async () => {
  const causes = [failure('unknown', 'XX000'), failure('bad-row', '23502'), failure('bad-row', '23502')]
  const attempt = async (part: readonly Entry[]) => {
    const cause = part.some((entry) => keyOf(entry) === 'k1') ? causes.shift() : undefined
    if (cause) throw cause
    return placed(part)
  }
  const proven = async () =>
    (await bisect(entries(2), attempt, works)).refused.map(({ isProven }) => isProven)
  assert.deepEqual(await proven(), [false])
  causes.push(failure('bad-row', '23502'))
  assert.deepEqual(await proven(), [true])
})

test('without a commit nothing is retried', async () => {
  const store = storeRefusing(new Map(['k0', 'k1'].map((key) => [key, failure('bad-row')])))
  assert.equal((await bisect(entries(2), store.attempt, works)).refused.length, 2)
  assert.deepEqual(store.statements, [['k0'], ['k1']])
})

test('existing rows prove only own faults, and only if they are accepted afterwards, too', async () => {
  const own = new WriteFailure('bad-row', 'no', '23514', { ownFault: true })
  const foreign = failure('bad-row', '23503')
  const standing = storeRefusing(
    new Map([
      ['k1', own],
      ['k2', foreign],
    ]),
  )
  const attempt = async (part: readonly Entry[]) => ({ ...(await standing.attempt(part)), placed: 0 })
  const takes = async (neighbour: Entry) => void standing.statements.push([`${keyOf(neighbour)} again`])
  const { refused } = await bisect(entries(4), attempt, takes)
  assert.deepEqual(
    refused.map(({ entry, isProven }) => [keyOf(entry), isProven]),
    [
      ['k2', false],
      ['k1', true],
    ],
  )
  assert.deepEqual(standing.statements.slice(-3), [['k3 again'], ['k1'], ['k3 again']])
  let times = 0
  const spoilt = failure('bad-row', '23502')
  await assert.rejects(
    bisect(entries(4), attempt, async () => {
      if ((times += 1) > 1) throw spoilt
    }),
    (error) => error === spoilt,
  )
})

test('existing rows do not end a run of rejections that others may have caused', async () => {
  for (const [ownFault, isDrift] of [
    [true, false],
    [false, true],
  ] as const) {
    const refusal = new WriteFailure('bad-row', 'no', '23503', { ownFault })
    const keys = Array.from({ length: 39 }, (_, i) => `k${i}`).filter((_, i) => i % 2 === 0)
    const store = storeRefusing(new Map(keys.map((key) => [key, refusal])))
    const search = bisect(entries(39), async (part) => ({ ...(await store.attempt(part)), placed: 0 }), works)
    if (isDrift) await assert.rejects(search, { class: 'schema-drift' })
    else assert.equal((await search).refused.length, 20)
  }
})

test('a batch that needs no write is not a commit', async () => {
  assert.deepEqual(await bisect(entries(4), async () => placed([]), works), {
    refused: [],
    neighbour: undefined,
  })
})

test('any other failure ends the search', async () => {
  for (const name of ['infrastructure', 'schema-drift', 'conflict', 'too-big', 'no-rights'] as const) {
    const error = failure(name)
    const store = storeRefusing(new Map([['k2', error]]))
    await assert.rejects(bisect(entries(8), store.attempt, works), (thrown) => thrown === error)
  }
  const fault = new TypeError('a fault of ours')
  await assert.rejects(
    bisect(entries(2), () => Promise.reject(fault), works),
    (error) => error === fault,
  )
})

const refusing = (codes: readonly (string | undefined)[]) =>
  storeRefusing(
    new Map(codes.flatMap((code, i) => (code === undefined ? [] : [[`k${i}`, failure('bad-row', code)]]))),
  )

test('twenty in a row for one cause are schema drift, and no more statements follow', async () => {
  const store = refusing(Array.from({ length: 40 }, () => '23514'))
  await assert.rejects(bisect(entries(40), store.attempt, works), (error: WriteFailure) => {
    assert.equal(error.class, 'schema-drift')
    assert.equal(error.code, '23514')
    return true
  })
  assert.equal(store.statements.filter(({ length }) => length === 1).length, 20)
})

test('nineteen are not, nor are more with another cause or a commit between them', async () => {
  const run = (count: number, code: string | undefined) => Array.from({ length: count }, () => code)
  for (const codes of [
    [...run(19, '23514'), undefined],
    [...run(19, '23514'), ...run(19, '22001')],
    [...run(19, '23514'), undefined, ...run(19, '23514')],
  ]) {
    const { refused } = await bisect(entries(codes.length), refusing(codes).attempt, works)
    assert.equal(refused.length, codes.filter(Boolean).length)
  }
})
