// The simulated PostgreSQL does with identities what the real one does: both are given the same batches by the real writers, by
// one clock, while days pass.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { repeatedBy } from '#core/identity.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Stored } from '#core/sink.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { CheckedRow } from '#pipeline/checked-rows.ts'
import type { TablePipeline } from '#pipeline/make-pipeline.ts'
import { keepAppliedDays } from '#postgres/applied/applied-days.ts'
import { sweepRequests } from '#postgres/applied/applied-upkeep.ts'
import { IdentifiedWriter } from '#postgres/applied/identified-writer.ts'
import type { Connections } from '#postgres/connection-pool.ts'
import { deliveryOf } from '../../support/arrivals.ts'
import { incrementLog, incrementSums } from '../../support/increment-pipelines.ts'
import type { TestDatabase } from '../../support/postgres.ts'
import { freshDatabase, startTestServer } from '../../support/postgres.ts'
import { alwaysAsync } from '../../support/seed.ts'
import { startUnixMs } from '../../support/virtual-clock.ts'
import { openPostgres } from './opened-postgres.ts'

const server = await startTestServer()

const hourMs = 3_600_000
const limits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }

/** Never at the end of an hour, at which time stands still here. */
const atMs = (hour: number) => startUnixMs + hour * hourMs + hourMs / 2

interface Message {
  readonly id: string
  /** Since when it is there. */
  readonly hour: number
  readonly as: 'itself' | 'given' | 'request'
  readonly text: string
}

const increment = fc
  .tuple(
    fc.constantFrom('a', 'b', 'NULL', 'é"\\', 'bad'),
    fc.constantFrom('1', '2', '-3', '9223372036854775807'),
  )
  .filter(([key, by]) => key !== 'bad' || by === '1')
  .map((parts) => parts.join(' '))

const message: fc.Arbitrary<Message> = fc.record({
  id: fc.constantFrom('1', '2'),
  hour: fc.constantFrom(-100, -40, -22, -1, -1, 0, 0, 20, 30, 47),
  as: fc.constantFrom('itself', 'itself', 'given', 'request'),
  text: fc.array(increment, { minLength: 1, maxLength: 3 }).map((some) => some.join(';')),
})

const horizonHours = fc.constantFrom(24, 24, 72)

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ write: fc.array(message, { minLength: 1, maxLength: 5 }), horizonHours }),
  },
  { weight: 2, arbitrary: fc.record({ hoursPass: fc.constantFrom(1, 13, 25, 49) }) },
  { weight: 1, arbitrary: fc.record({ keep: horizonHours }) },
  { weight: 1, arbitrary: fc.record({ sweep: fc.constantFrom(1, 24) }) },
)

/** Of one identity only those that are the same record once more, which the engine would fold. */
function recordsOf(
  pipeline: TablePipeline<CheckedRow>,
  messages: readonly Message[],
): KeyedRecord<CheckedRow>[] {
  const records = messages.flatMap(({ id, hour, as, text }) => {
    const attributes = {
      itself: {},
      given: repeatedBy(id, atMs(hour)),
      request: { 'ingester-request': id.repeat(64) },
    }[as]
    const delivery = { ...deliveryOf(text), messageId: id, publishTimeMs: atMs(hour), attributes }
    const rows = pipeline.decode(delivery, limits) as CheckedRow[]
    return rows.map((row, index) => pipeline.merge.recordOf(row, delivery, index))
  })
  const first = new Map<string, KeyedRecord<CheckedRow>>()
  for (const record of records) if (!first.has(record.key)) first.set(record.key, record)
  return records.filter(({ key, content, identity }) => {
    const other = first.get(key)
    return content === other?.content && identity?.of.publishTimeMs === other.identity?.of.publishTimeMs
  })
}

/** What a writer says of a batch. Of a record that is in it twice either may be the one that has counted. */
async function said(records: readonly KeyedRecord[], work: Promise<Stored>): Promise<unknown> {
  const keyOf = (at: number) => String(records[at]?.key)
  try {
    const { written, duplicates = [], refused = [] } = await work
    return {
      written,
      duplicates: duplicates.map(keyOf).sort(),
      refused: refused.map(({ at, reason }) => `${keyOf(at)} ${reason}`).sort(),
    }
  } catch (error) {
    if (error instanceof WriteFailure) return [error.class, error.code]
    throw error
  }
}

/** `now()` is what the test says. */
const ownTime = `
CREATE TABLE test_time (at timestamptz NOT NULL);
INSERT INTO test_time VALUES ('epoch');
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM public.test_time';
ALTER TABLE applied_requests ALTER first_used_at SET DEFAULT public.now();
ALTER FUNCTION keep_applied_days(interval) SET search_path = public, pg_catalog, pg_temp;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$;`

const forgetAll = `
DO $$ DECLARE one text; BEGIN
  FOR one IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'applied_messages'::regclass LOOP
    EXECUTE 'DROP TABLE ' || one;
  END LOOP;
END $$;
TRUNCATE applied_requests, sums, log`

const partitions = `SELECT right(inhrelid::regclass::text, 8) AS day FROM pg_inherits
WHERE inhparent = 'applied_messages'::regclass ORDER BY 1`

async function openDatabase(): Promise<TestDatabase> {
  const database = await freshDatabase(server)
  await database.query(`
CREATE TABLE sums (key text PRIMARY KEY, value bigint NOT NULL, CONSTRAINT simulated CHECK (key <> 'bad'));
CREATE TABLE log (key text NOT NULL, amount bigint NOT NULL, CONSTRAINT simulated CHECK (key <> 'bad'));${ownTime}`)
  return database
}

for (const pipeline of [incrementSums, incrementLog]) {
  const { name, sink } = pipeline
  test(`${name}: any batches, on any days: the same answers, rows and identities`, async () => {
    await using database = await openDatabase()
    const pool = database.pool({})
    const writersOf = (connections: Connections) => (hours: number) =>
      new IdentifiedWriter(connections, sink, { pipeline: name, horizonMs: hours * hourMs })
    await alwaysAsync(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
        await database.query(forgetAll)
        const { server: simulated, clock, poolOf, inTime } = openPostgres(sink)
        const simulatedPool = poolOf('test') as unknown as Connections
        const [real, other] = [writersOf(pool), writersOf(simulatedPool)]
        for (const one of steps) {
          await database.query('UPDATE test_time SET at = $1', [new Date(clock.unixMs())])
          if ('hoursPass' in one) clock.leap(one.hoursPass * hourMs)
          else if ('keep' in one) {
            const days = await inTime(keepAppliedDays(simulatedPool, one.keep * hourMs))
            assert.deepEqual(days, await keepAppliedDays(pool, one.keep * hourMs))
          } else if ('sweep' in one) {
            const options = { pipeline: name, windowMs: one.sweep * hourMs }
            const swept = await inTime(sweepRequests({ ...options, pool: simulatedPool }))
            assert.equal(swept, await sweepRequests({ ...options, pool }))
          } else {
            const records = recordsOf(pipeline, one.write)
            const answer = await said(records, inTime(other(one.horizonHours).write(records)))
            assert.deepEqual(answer, await said(records, real(one.horizonHours).write(records)))
          }
          const days = await database.query<{ day: string }>(partitions)
          assert.deepEqual(
            simulated.days.map((ms) => new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')),
            days.map(({ day }) => day),
          )
        }
        const rows = await database.query<Record<string, string>>(`SELECT * FROM ${sink.name}`)
        assert.deepEqual(
          [...simulated.rows.values()].map(({ values }) => values.join(' ')).sort(),
          rows.map((row) => Object.values(row).join(' ')).sort(),
        )
      }),
      40,
    )
  }, 120_000)
}
