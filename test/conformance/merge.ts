import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Merge } from '#core/merge.ts'
import type { Sink } from '#core/sink.ts'
import { deliveryOf } from '../support/arrivals.ts'
import { always, alwaysAsync } from '../support/seed.ts'

/** Where a sink keeps what it was given. */
export interface OpenSink<R, State> extends AsyncDisposable {
  readonly sink: Pick<Sink<R>, 'write'>
  state(): Promise<State>
}

export interface MergeCase<R, State> {
  readonly merge: Merge<R>
  /** Of one message. */
  readonly rows: fc.Arbitrary<readonly R[]>
  readonly open: () => Promise<OpenSink<R, State>>
  /** What must be there when each of these messages was delivered, however often. */
  readonly expected: (messages: readonly (readonly R[])[]) => State | Promise<State>
}

/** Young enough for its identity to be known. */
const publishTimeMs = Date.now()

/** What the engine relies on of a merge together with its sink. */
export function mergeConformance<R, State>(
  name: string,
  { merge, rows, open, expected }: MergeCase<R, State>,
  runs = 60,
): void {
  const recordsOf = (messages: readonly (readonly R[])[]) =>
    messages.flatMap((message, at) => {
      const delivery: Delivery = { ...deliveryOf(`message ${at}`), messageId: String(at), publishTimeMs }
      return message.map((row, index) => merge.recordOf(row, delivery, index))
    })
  const messages = fc.array(rows, { minLength: 1, maxLength: 6 })

  describe(`merge and sink: ${name}`, () => {
    test('the records of a key have one order as far as it is known, in which only the same record is equal', () => {
      always(
        fc.property(messages, (all) => {
          for (const ofKey of Map.groupBy(recordsOf(all), ({ key }) => key).values()) {
            // NaN where only the sink can tell.
            const sign = (a: KeyedRecord<R>, b: KeyedRecord<R>) => Math.sign(merge.compare(a, b) ?? NaN)
            for (const a of ofKey)
              for (const b of ofKey) {
                if (Number.isNaN(sign(a, b))) assert.ok(Number.isNaN(sign(b, a)))
                else assert.equal(sign(a, b) + sign(b, a), 0)
                for (const c of ofKey)
                  if (sign(a, b) >= 0 && sign(b, c) >= 0) assert.ok(sign(a, c) >= 0, 'transitive')
              }
          }
        }),
      )
    })

    test('the same row of the same delivery is the same record each time', () => {
      always(
        fc.property(messages, (all) => {
          const withoutRow = (records: readonly KeyedRecord<R>[]) =>
            records.map(({ key, version, content }) => [key, version, content])
          assert.deepEqual(withoutRow(recordsOf(all)), withoutRow(recordsOf(all)))
        }),
      )
    })

    test('any order, any batches and any repetition end in the same state; each record is counted once', async () => {
      const plan = messages.chain((all) =>
        fc.tuple(
          fc.constant(all),
          // Each at least once, some more often.
          fc
            .array(fc.nat(Math.max(0, recordsOf(all).length - 1)), { maxLength: 12 })
            .chain((again) =>
              shuffled([...recordsOf(all).keys(), ...again].filter((i) => i < recordsOf(all).length)),
            ),
          fc.integer({ min: 1, max: 5 }),
        ),
      )
      await alwaysAsync(
        fc.asyncProperty(plan, async ([all, order, size]) => {
          await using opened = await open()
          const records = recordsOf(all)
          for (let from = 0; from < order.length; from += size) {
            let left = order.slice(from, from + size).map((at) => records[at] as KeyedRecord<R>)
            while (left.length > 0) {
              const { batch, tied } = folded(left)
              const { written, duplicates = [], refused = [] } = await opened.sink.write(batch)
              assert.ok(written + duplicates.length + refused.length <= batch.length)
              // What is there already changes nothing.
              assert.equal((await opened.sink.write(batch)).written, 0)
              left = tied
            }
          }
          assert.deepEqual(await opened.state(), await expected(all))
        }),
        runs,
      )
    })
  })

  /** As an engine folds a batch: of each key the greatest, and what is neither older nor newer comes after it. */
  function folded(records: readonly KeyedRecord<R>[]) {
    const byKey = new Map<string, KeyedRecord<R>>()
    for (const record of records) {
      const other = byKey.get(record.key)
      if (!other || (merge.compare(record, other) ?? 0) > 0) byKey.set(record.key, record)
    }
    const isTied = (record: KeyedRecord<R>) =>
      merge.compare(record, byKey.get(record.key) as KeyedRecord<R>) === undefined
    return { batch: [...byKey.values()], tied: records.filter(isTied) }
  }
}

function shuffled(items: readonly number[]): fc.Arbitrary<number[]> {
  return fc
    .shuffledSubarray([...items.keys()], { minLength: items.length })
    .map((at) => at.map((i) => items[i] as number))
}
