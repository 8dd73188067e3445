import assert from 'node:assert/strict'
import type { TestOptions } from 'vitest'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import type { DeadLetterStore } from '#core/dead-letter.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { RowVersion, StoredDeadLetter } from '../oracle/facts.ts'
import { newestOf } from '../oracle/order.ts'
import { deliveryOf } from '../support/arrivals.ts'
import { alwaysAsync } from '../support/seed.ts'
import type { Word } from '../support/word-pipeline.ts'
import { wordPipeline } from '../support/word-pipeline.ts'
import type { WholeSink } from '../support/whole-sink.ts'

/** The table `words`, which refuses the content `bad`, the dead letters beside it, and its epoch. */
export interface OpenTable extends AsyncDisposable {
  readonly writer: WholeSink<Word>
  readonly deadLetters: DeadLetterStore
  /** In any order. */
  rows(): Promise<RowVersion[]>
  storedDeadLetters(): Promise<StoredDeadLetter[]>
  epoch(): Promise<string | null>
  truncate(): Promise<void>
}

/** Hard on quoting, and on every order but that of UTF-8. */
const texts = ['x', 'y', 'B', 'é', '"', '\\', '{,}', 'NULL', '$1', '\u{E000}', '\u{FF5E}', '\u{1F600}', 'a b']
const versions = [0n, 1n, 9n, 10n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n]

function word(key: string, version: bigint | number, content = 'x'): KeyedRecord<Word> {
  return wordPipeline.merge.recordOf({ key, version: BigInt(version), content })
}

const asRow = ({ key, version, content }: KeyedRecord<Word>): RowVersion => ({ key, version, content })
const sorted = (rows: Iterable<RowVersion>) => [...rows].sort((a, b) => (a.key < b.key ? -1 : 1))

/** What the ingester relies on of a table that keeps the newest row of each key. */
export function writerConformance(
  name: string,
  open: () => Promise<OpenTable>,
  options: Pick<TestOptions, 'skip'> = {},
): void {
  const onTable = (body: (table: OpenTable) => Promise<void>) => async () => {
    await using table = await open()
    await body(table)
  }
  const holds = async (table: OpenTable, ...records: readonly KeyedRecord<Word>[]) =>
    assert.deepEqual(sorted(await table.rows()), sorted(records.map(asRow)))

  describe(`table: ${name}`, options, () => {
    test(
      'the newer one wins, and the count is of the rows placed',
      onTable(async (table) => {
        assert.equal((await table.writer.write([word('a', 1), word('b', 2)])).written, 2)
        assert.equal((await table.writer.write([word('a', 2), word('b', 1)])).written, 1)
        assert.equal((await table.writer.write([word('a', 2), word('b', 2)])).written, 0)
        await holds(table, word('a', 2), word('b', 2))
      }),
    )

    test(
      'a rejected row fails its whole statement, as the row’s own fault, and nothing of it is stored',
      onTable(async (table) => {
        await table.writer.write([word('a', 1)])
        const refused = table.writer.write([word('a', 2), word('b', 1, 'bad'), word('c', 1)])
        await assert.rejects(refused, (error) => error instanceof WriteFailure && error.class === 'bad-row')
        await assert.rejects(
          table.writer.write([word('a', 0, 'bad')]),
          { class: 'bad-row' },
          'also an old one',
        )
        await holds(table, word('a', 1))
        assert.equal(
          (await table.writer.write([word('a', 2), word('c', 1)])).written,
          2,
          'and the next one works',
        )
      }),
    )

    test(
      'an existing row can be written to itself, which changes nothing; without one there is nothing to try',
      onTable(async (table) => {
        assert.equal(await table.writer.rewriteExistingRow(), false)
        await table.writer.write([word('a', 1)])
        const epoch = await table.epoch()
        assert.equal(await table.writer.rewriteExistingRow(), true)
        await assert.rejects(table.writer.write([word('b', 1, 'bad')]), { ownFault: true })
        assert.equal(await table.writer.rewriteExistingRow(), true)
        await holds(table, word('a', 1))
        assert.equal(await table.epoch(), epoch)
      }),
    )

    test(
      'a key twice in one statement fails it',
      onTable(async (table) => {
        await assert.rejects(table.writer.write([word('a', 1), word('a', 2)]), WriteFailure)
        await holds(table)
      }),
    )

    test(
      'any batches, in any order, leave the newest record of each key',
      onTable(async (table) => {
        const record = fc
          .tuple(fc.constantFrom(...texts), fc.constantFrom(...versions), fc.constantFrom(...texts))
          .map(([key, version, content]) => word(key, version, content))
        const batch = fc.uniqueArray(record, { selector: ({ key }) => key, minLength: 1, maxLength: 8 })
        const property = fc.asyncProperty(
          fc.array(batch, { minLength: 1, maxLength: 6 }),
          async (batches) => {
            await table.truncate()
            for (const records of batches) {
              const before = new Map((await table.rows()).map((row) => [row.key, row]))
              const newest = newestOf([...before.values(), ...records.map(asRow)])
              const placed = records.filter(({ key, version, content }) => {
                const [was, is] = [before.get(key), newest.get(key)]
                return was?.version !== is?.version || was?.content !== is?.content
                  ? is?.version === version && is.content === content
                  : false
              })
              assert.equal((await table.writer.write(records)).written, placed.length)
              assert.deepEqual(sorted(await table.rows()), sorted(newest.values()))
            }
          },
        )
        await alwaysAsync(property, 40)
      }),
    )

    test(
      'a dead letter that is stored again is one row, with the newer reason',
      onTable(async (table) => {
        const deadLetter = (text: string, reason: string) => ({
          delivery: deliveryOf(text),
          reason,
          detail: text,
        })
        await table.deadLetters.store([deadLetter('"1"', 'malformed'), deadLetter('2', 'too-large')])
        await table.deadLetters.store([deadLetter('"1"', 'refused-by-database'), deadLetter('"1"', 'bad-ip')])
        const stored = (await table.storedDeadLetters()).sort((a, b) => (a.id < b.id ? -1 : 1))
        assert.deepEqual(stored, [
          { id: '"1"', reason: 'bad-ip' },
          { id: '2', reason: 'too-large' },
        ])
      }),
    )

    test(
      'writing does not change the epoch; TRUNCATE changes it for good',
      onTable(async (table) => {
        const before = await table.epoch()
        assert.ok(before)
        await table.writer.write([word('a', 1)])
        assert.equal(await table.epoch(), before)
        await table.truncate()
        const after = await table.epoch()
        assert.notEqual(after, before)
        assert.equal(await table.epoch(), after)
        await holds(table)
      }),
    )
  })
}
