// Triggers and rules that discard rows: whatever they do, what counts as written or stale is in the table.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareVersions } from '#pipeline/newest.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { freshDatabase, startTestServer } from '../support/postgres.ts'
import { alwaysAsync } from '../support/seed.ts'
import type { Word } from '../support/word-pipeline.ts'
import { recordOfWords, wordPipeline } from '../support/word-pipeline.ts'

const server = await startTestServer()

const record = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom(1, 2, 3), fc.constantFrom('x', 'y', 'z'))
  .map((words) => recordOfWords(words.join(' ')))
const batch = fc.uniqueArray(record, { selector: ({ key }) => key, minLength: 1, maxLength: 4 })

const condition = fc
  .tuple(
    fc.constantFrom(`key = 'a'`, `key IN ('b', 'c')`, 'true'),
    fc.constantFrom(`content = 'y'`, `content > 'x'`, 'version = 2', 'version <> 1', 'true'),
  )
  .map(([key, rest]) => ({
    ofNew: `NEW.${key} AND NEW.${rest}`.replaceAll('NEW.true', 'true'),
    of: `${key} AND ${rest}`,
  }))

/** Of a trigger the function's body and when it is called; of a rule its statement. */
const discarding = condition.chain(({ ofNew, of }) =>
  fc.constantFrom(
    ...['INSERT', 'UPDATE', 'INSERT OR UPDATE'].flatMap((events) => [
      trigger(`IF ${ofNew} THEN RETURN NULL; END IF; RETURN NEW;`, `BEFORE ${events} ON words FOR EACH ROW`),
      trigger(`DELETE FROM words WHERE ${of}; RETURN NULL;`, `AFTER ${events} ON words FOR EACH STATEMENT`),
    ]),
    `CREATE RULE discard AS ON INSERT TO words WHERE ${ofNew} DO INSTEAD NOTHING`,
  ),
)

function trigger(body: string, when: string): string {
  return `CREATE OR REPLACE FUNCTION discard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$;
          CREATE TRIGGER discard ${when} EXECUTE FUNCTION discard()`
}

const step = fc.oneof(
  { weight: 4, arbitrary: batch.map((records) => ({ records })) },
  { weight: 1, arbitrary: discarding.map((create) => ({ create })) },
)

test('whatever triggers and rules discard: accepted rows are in the table, rejected ones are not', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const create = 'CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL, content text NOT NULL)'
  const writer = new TableWriter(database.pool(), wordPipeline.sink)
  const isStored = async (one: KeyedRecord<Word>) => {
    const [row] = await database.query<{ version: string; content: string }>(
      'SELECT version, content FROM words WHERE key = $1',
      [one.key],
    )
    return (
      row !== undefined &&
      compareVersions({ ...one, version: BigInt(row.version), content: row.content }, one) >= 0
    )
  }
  /** A trigger that deletes would remove the row that makes a record stale, were it not rolled back. */
  let deletes = false
  /** As the engine does: where a batch is refused, each of its records alone. */
  const write = async (records: readonly KeyedRecord<Word>[]): Promise<void> => {
    try {
      await writer.write(records)
      for (const one of records)
        assert.ok(await isStored(one), `${Object.values(one.row).join(' ')} is not in the table`)
    } catch (error) {
      if (!(error instanceof WriteFailure)) throw error
      assert.equal(error.class, 'bad-row', error.message)
      if (records.length > 1) for (const one of records) await write([one])
      else if (!deletes) assert.equal(await isStored(records[0] as KeyedRecord<Word>), false, error.message)
    }
  }
  const property = fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 10 }), async (steps) => {
    await database.query(`DROP TABLE IF EXISTS words; ${create}`)
    for (const one of steps) {
      if ('records' in one) {
        await write(one.records)
      } else {
        await database.query(`DROP TRIGGER IF EXISTS discard ON words; DROP RULE IF EXISTS discard ON words`)
        await database.query(one.create)
        deletes = one.create.includes('DELETE')
      }
    }
  })
  await alwaysAsync(property, 30)
})
