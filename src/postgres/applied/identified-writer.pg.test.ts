import assert from 'node:assert/strict'
import { test } from 'vitest'
import { repeatedBy } from '#core/identity.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { CheckedRow } from '#pipeline/checked-rows.ts'
import type { TablePipeline } from '#pipeline/make-pipeline.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { deliveryOf } from '../../../test/support/arrivals.ts'
import {
  createLog,
  createSums,
  incrementLog,
  incrementSums,
} from '../../../test/support/increment-pipelines.ts'
import type { TestDatabase } from '../../../test/support/postgres.ts'
import { freshDatabase, startTestServer } from '../../../test/support/postgres.ts'
import { keepAppliedDays } from './applied-days.ts'
import { sweepRequests } from './applied-upkeep.ts'
import { IdentifiedWriter } from './identified-writer.ts'

const server = await startTestServer()

const dayMs = 86_400_000
const horizonMs = 8 * dayMs
const nowMs = Date.now()
const limits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }

interface Given {
  readonly id?: string
  readonly publishTimeMs?: number
  readonly attributes?: Readonly<Record<string, string>>
}

/** The records of a message. */
function recordsOf(
  pipeline: TablePipeline<CheckedRow>,
  text: string,
  given: Given = {},
): KeyedRecord<CheckedRow>[] {
  const { id = text, publishTimeMs = nowMs, attributes = {} } = given
  const delivery = { ...deliveryOf(text), messageId: id, publishTimeMs, attributes }
  const rows = pipeline.decode(delivery, limits) as CheckedRow[]
  return rows.map((row, index) => pipeline.merge.recordOf(row, delivery, index))
}

const sum = (text: string, given?: Given) => recordsOf(incrementSums, text, given)
const logged = (text: string, given?: Given) => recordsOf(incrementLog, text, given)
const request = (digit: string) => ({ 'ingester-request': digit.repeat(64) })

async function opened(pipeline = incrementSums, create = createSums) {
  const database = await freshDatabase(server)
  await database.query(create)
  const options = { pipeline: pipeline.name, horizonMs }
  const writer = () => new IdentifiedWriter(database.pool({}), pipeline.sink, options)
  return {
    database,
    writer: writer(),
    another: writer,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

function dayName(ms: number): string {
  return `applied_messages_${new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')}`
}

async function valuesOf(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ key: string; value: string }>('SELECT * FROM sums ORDER BY key')
  return rows.map(({ key, value }) => `${key} ${value}`)
}

test('a batch is added up by key; what is delivered again is a duplicate, by its place in its message', async () => {
  await using all = await opened()
  const batch = [...sum('a 1;b 2;a 3'), ...sum('a 10')]
  assert.deepEqual(await all.writer.write(batch), { written: 4, duplicates: [] })
  assert.deepEqual(await valuesOf(all.database), ['a 14', 'b 2'])
  const again = [...sum('c 5'), ...batch]
  assert.deepEqual(await all.another().write(again), { written: 1, duplicates: [1, 2, 3, 4] })
  assert.deepEqual(await valuesOf(all.database), ['a 14', 'b 2', 'c 5'])
})

test('the same id at another time, or for another pipeline, is another message', async () => {
  await using all = await opened()
  await all.writer.write([...sum('a 1', { id: '7' }), ...sum('a 1', { id: '7', publishTimeMs: nowMs - 1 })])
  assert.deepEqual(await valuesOf(all.database), ['a 2'])
  const other = new IdentifiedWriter(all.database.pool({}), incrementSums.sink, {
    pipeline: 'other',
    horizonMs,
  })
  assert.equal((await other.write(sum('a 1', { id: '7' }))).written, 1)
  assert.deepEqual(await valuesOf(all.database), ['a 3'])
})

test('an identity that is twice in a statement counts once', async () => {
  for (const [pipeline, create] of [
    [incrementSums, createSums],
    [incrementLog, createLog],
  ] as const) {
    await using all = await opened(pipeline, create)
    const record = recordsOf(pipeline, 'a 1')[0] as KeyedRecord<CheckedRow>
    const { written, duplicates } = await all.writer.write([record, { ...record }])
    assert.deepEqual([written, duplicates?.length], [1, 1])
    const [row] = await all.database.query(`SELECT * FROM ${pipeline.sink.name}`)
    assert.equal(row?.['value'] ?? row?.['amount'], '1')
  }
})

test('a request that is twice in a statement counts once, whenever its messages were published', async () => {
  await using all = await opened()
  const twice = [0, 1000].flatMap((ms) =>
    sum('a 1', { id: String(ms), publishTimeMs: nowMs - ms, attributes: request('a') }),
  )
  const { written, duplicates } = await all.writer.write(twice)
  assert.deepEqual([written, duplicates?.length], [1, 1])
  assert.deepEqual(await valuesOf(all.database), ['a 1'])
})

test('append: a row for each record, in order of arrival', async () => {
  await using all = await opened(incrementLog, createLog)
  await all.writer.write([...logged('b 2;a 1'), ...logged('c 3')])
  assert.deepEqual(await all.writer.write([...logged('b 2;a 1'), ...logged('d 4')]), {
    written: 1,
    duplicates: [0, 1],
  })
  const rows = await all.database.query<{ key: string }>('SELECT key FROM log ORDER BY id')
  assert.deepEqual(
    rows.map(({ key }) => key),
    ['b', 'a', 'c', 'd'],
  )
})

test('a message that repeats another has its identity', async () => {
  await using all = await opened()
  const publishTimeMs = nowMs - 3 * dayMs
  await all.writer.write(sum('a 1;b 2', { id: '7', publishTimeMs }))
  const redriven = sum('a 1;b 2', { id: '8', attributes: repeatedBy('7', publishTimeMs) })
  assert.deepEqual(await all.writer.write(redriven), { written: 0, duplicates: [0, 1] })
  // Also the other way round.
  await all.writer.write(sum('c 1', { id: '10', attributes: repeatedBy('9', publishTimeMs) }))
  assert.deepEqual(await all.writer.write(sum('c 1', { id: '9', publishTimeMs })), {
    written: 0,
    duplicates: [0],
  })
  assert.deepEqual(await valuesOf(all.database), ['a 1', 'b 2', 'c 1'])
})

test('a request counts once, whenever its messages were published; with other values it is refused', async () => {
  await using all = await opened()
  const attributes = request('a')
  await all.writer.write(sum('a 1', { id: '1', publishTimeMs: nowMs - 2 * dayMs, attributes }))
  assert.deepEqual(await all.writer.write(sum('a 1', { id: '2', attributes })), {
    written: 0,
    duplicates: [0],
  })
  const other = await all.writer.write([...sum('b 2', { id: '3', attributes }), ...sum('c 1')])
  assert.equal(other.written, 1)
  assert.deepEqual(other.duplicates, [])
  assert.deepEqual(
    other.refused?.map(({ at, reason }) => [at, reason]),
    [[0, 'identity-reused']],
  )
  assert.match(
    String(other.refused?.[0]?.failure.message),
    /used before at .* for \["a","1"\], and here it is \["b","2"\]/,
  )
  assert.deepEqual(await valuesOf(all.database), ['a 1', 'c 1'])
})

test('append: a request with other values is refused, and so is a message that claims to repeat another', async () => {
  await using all = await opened(incrementLog, createLog)
  await all.writer.write(logged('a 1', { attributes: request('a') }))
  const { refused } = await all.writer.write(logged('a 2', { attributes: request('a') }))
  assert.deepEqual(
    refused?.map(({ reason }) => reason),
    ['identity-reused'],
  )
  await all.writer.write(logged('b 1', { id: '8', attributes: repeatedBy('7', nowMs) }))
  await all.writer.write(logged('c 1', { id: '10' }))
  const claimed = await all.writer.write(logged('c 2', { id: '11', attributes: repeatedBy('10', nowMs) }))
  assert.deepEqual(
    claimed.refused?.map(({ reason }) => reason),
    ['identity-reused'],
  )
  const forged = await all.writer.write(logged('b 2', { id: '9', attributes: repeatedBy('7', nowMs) }))
  assert.deepEqual(
    forged.refused?.map(({ reason }) => reason),
    ['identity-reused'],
  )
})

test('a redriven message of a request is as old as the one that it repeats', async () => {
  await using all = await opened()
  const attributes = { ...request('a'), ...repeatedBy('1', nowMs - horizonMs - 60_000) }
  assert.equal((await all.writer.write(sum('a 1', { id: '2', attributes }))).refused?.[0]?.reason, 'too-old')
})

test('two spellings of a number are one value of a request', async () => {
  await using all = await opened()
  const [key, value] = incrementSums.sink.columns
  if (!key || !value) assert.fail('the pipeline has two columns')
  await all.database.query('CREATE TABLE fractions (key text PRIMARY KEY, value numeric)')
  const spelled = (text: string, id: string) => {
    const [record] = sum('a 1', { id, attributes: request('a') }) as [KeyedRecord<CheckedRow>]
    return { ...record, row: new CheckedRow(['a', text], false) }
  }
  const table = { ...incrementSums.sink, name: 'fractions', columns: [key, { ...value, type: 'numeric' }] }
  const writer = new IdentifiedWriter(all.database.pool({}), table, { pipeline: 'fractions', horizonMs })
  await writer.write([spelled('1.10', '1')])
  assert.deepEqual(await writer.write([spelled('1.1', '2')]), { written: 0, duplicates: [0] })
  assert.equal((await writer.write([spelled('1.01', '3')])).refused?.length, 1)
})

test("a message's own identity is used by no other: read in another way it is a duplicate all the same", async () => {
  await using all = await opened()
  await all.writer.write(sum('a 1', { id: '7' }))
  assert.deepEqual(await all.writer.write(sum('a 2', { id: '7' })), { written: 0, duplicates: [0] })
})

test('what was published before the horizon is refused, and nothing is entered for it', async () => {
  await using all = await opened()
  const old = sum('a 1', { publishTimeMs: nowMs - horizonMs - 60_000 })
  const oldRequest = sum('a 2', { publishTimeMs: nowMs - horizonMs - 60_000, attributes: request('b') })
  const oldRepetition = sum('a 4', { id: '5', attributes: repeatedBy('4', nowMs - horizonMs - 60_000) })
  const young = sum('a 8', { publishTimeMs: nowMs - horizonMs + 60_000 })
  const stored = await all.writer.write([...old, ...oldRequest, ...oldRepetition, ...young])
  assert.equal(stored.written, 1)
  assert.deepEqual(
    stored.refused?.map(({ at, reason }) => [at, reason]),
    [
      [0, 'too-old'],
      [1, 'too-old'],
      [2, 'too-old'],
    ],
  )
  assert.match(String(stored.refused?.[0]?.failure.message), /^it was published at .*192 hours/)
  assert.deepEqual(await valuesOf(all.database), ['a 8'])
})

test('a day that was dropped stays unknown, also to a writer with a longer horizon', async () => {
  await using all = await opened()
  const message = sum('a 1', { publishTimeMs: nowMs - 5 * dayMs })
  const ofRequest = sum('b 1', { id: '2', publishTimeMs: nowMs - 5 * dayMs, attributes: request('a') })
  await all.writer.write(message)
  await keepAppliedDays(all.database.pool({}), 2 * dayMs)
  assert.equal((await all.writer.write(ofRequest)).refused?.[0]?.reason, 'too-old')
  const { refused, written } = await all.writer.write(message)
  assert.deepEqual([written, refused?.[0]?.reason], [0, 'too-old'])
  assert.match(String(refused?.[0]?.failure.message), /not of days before \d{4}-\d\d-\d\d/)
  assert.deepEqual(await valuesOf(all.database), ['a 1'])
})

test('days are there from the horizon and a day before to two days ahead; a day is dropped a day after the horizon', async () => {
  await using all = await opened()
  const pool = all.database.pool({})
  const days = async () => {
    const rows = await all.database.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'applied_messages'::regclass ORDER BY 1`,
    )
    const today = Math.floor(Date.now() / dayMs)
    const dayOf = (name: string) =>
      Date.parse(`${name.slice(-8, -4)}-${name.slice(-4, -2)}-${name.slice(-2)}`) / dayMs
    return rows.map(({ name }) => dayOf(name) - today)
  }
  await keepAppliedDays(pool, 3 * dayMs)
  assert.deepEqual(await days(), [-4, -3, -2, -1, 0, 1, 2])
  await keepAppliedDays(pool, 8 * dayMs)
  assert.deepEqual(await days(), [-4, -3, -2, -1, 0, 1, 2], 'none before the oldest')
  const { droppedBeforeMs } = await keepAppliedDays(pool, dayMs)
  assert.deepEqual(await days(), [-2, -1, 0, 1, 2])
  assert.equal(droppedBeforeMs, Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs)
  assert.equal('droppedBeforeMs' in (await keepAppliedDays(pool, dayMs)), false)
  await assert.rejects(keepAppliedDays(pool, dayMs / 2), /rejected by keep_applied_days/)
})

test('days are made by the writer that needs them, also where several begin at once', async () => {
  await using all = await opened()
  const writers = Array.from({ length: 4 }, () => all.another())
  const stored = await Promise.all(writers.map((writer, at) => writer.write(sum(`a ${at + 1}`))))
  assert.deepEqual(
    stored.map(({ written }) => written),
    [1, 1, 1, 1],
  )
  assert.deepEqual(await valuesOf(all.database), ['a 10'])
})

test('what is before a gap in the days is unknown; a day far ahead keeps none from being made', async () => {
  await using all = await opened()
  const gap = dayName(nowMs - 3 * dayMs)
  const far = dayName(nowMs + 300 * dayMs)
  await all.writer.write(sum('a 1'))
  await all.database.query(
    `DROP TABLE ${gap}; CREATE TABLE ${far} PARTITION OF applied_messages FOR VALUES FROM ('${far.slice(-8)}') TO ('infinity')`,
  )
  const stored = await all.writer.write(
    [3, 4, 2].flatMap((days) => sum(`a ${days}`, { publishTimeMs: nowMs - days * dayMs })),
  )
  assert.deepEqual(
    stored.refused?.map(({ at, reason }) => [at, reason]),
    [
      [0, 'too-old'],
      [1, 'too-old'],
    ],
  )
  assert.deepEqual(await valuesOf(all.database), ['a 3'])
  const tomorrow = [1, 2].map((days) => dayName(nowMs + days * dayMs))
  await all.database.query(`DROP TABLE ${tomorrow.join(', ')}`)
  await keepAppliedDays(all.database.pool({}), horizonMs)
  assert.equal((await all.writer.write(sum('a 7', { publishTimeMs: nowMs + dayMs }))).written, 1)
})

test("without today's partition, or with its table beside, nothing is written, and the message says what to do", async () => {
  await using all = await opened()
  await all.writer.write(sum('a 1'))
  await all.database.query(`ALTER TABLE applied_messages DETACH PARTITION ${dayName(nowMs)}`)
  await assert.rejects(all.writer.write(sum('a 2')), (error) => {
    assert.ok(error instanceof WriteFailure)
    assert.equal(error.class, 'schema-drift')
    assert.match(error.message, /today's partition is missing/)
    return true
  })
  for (const days of [1, 2])
    await all.database.query(`ALTER TABLE applied_messages DETACH PARTITION ${dayName(nowMs + days * dayMs)}`)
  await assert.rejects(all.writer.write(sum('a 2')), (error) => {
    assert.ok(error instanceof WriteFailure)
    assert.equal(error.class, 'schema-drift')
    assert.match(JSON.stringify(error.fixes), /ATTACH PARTITION/)
    return true
  })
})

test('a message from days ahead pauses: the clock of the server is wrong', async () => {
  await using all = await opened()
  await assert.rejects(all.writer.write(sum('a 1', { publishTimeMs: nowMs + 4 * dayMs })), (error) => {
    assert.ok(error instanceof WriteFailure)
    assert.equal(error.class, 'infrastructure')
    assert.match(error.message, /partitions until .* check the clock of the server/)
    return true
  })
})

test('beyond bigint nothing wraps: the statement fails, and nothing of it is there', async () => {
  await using all = await opened()
  await all.writer.write(sum('a 9223372036854775800'))
  // Together they have no room, each by itself has.
  await assert.rejects(all.writer.write([...sum('b 1'), ...sum('a 4'), ...sum('a 5')]), /out of range/)
  assert.deepEqual(await valuesOf(all.database), ['a 9223372036854775800'])
  assert.equal((await all.writer.write([...sum('b 1'), ...sum('a 7')])).written, 2)
  // A neighbour without room is no reason to doubt the table.
  await all.writer.retake(sum('a 7')[0] as KeyedRecord<CheckedRow>)
  assert.equal(await all.writer.rewriteExistingRow(), true)
  assert.deepEqual(await valuesOf(all.database), ['a 9223372036854775807', 'b 1'])
})

test('a key whose sum is at its limit holds up no other: what has no room is refused, what has counted is a duplicate', async () => {
  await using all = await opened()
  const full = sum('a 9223372036854775807', { id: '1' })
  const ofRequest = sum('z 9223372036854775807', { id: '2', attributes: request('a') })
  await all.writer.write([...full, ...ofRequest])
  const many = Array.from({ length: 300 }, (_, at) => sum(`a ${at + 1};b 1`, { id: `m${at}` })).flat()
  const {
    written,
    duplicates,
    refused = [],
  } = await all.writer.write([...full, ...many, ...ofRequest, ...sum('z 1')])
  assert.deepEqual([written, duplicates], [300, [0, 601]])
  assert.deepEqual(
    refused.map(({ at, reason }) => `${at} ${reason}`),
    [...Array.from({ length: 300 }, (_, at) => 1 + 2 * at), 602].map((at) => `${at} refused-by-database`),
  )
  assert.deepEqual(await valuesOf(all.database), ['a 9223372036854775807', 'b 300', 'z 9223372036854775807'])
})

test('NULL in a row that others have made counts as 0', async () => {
  await using all = await opened(incrementSums, 'CREATE TABLE sums (key text PRIMARY KEY, value bigint)')
  await all.database.query(`INSERT INTO sums VALUES ('a', NULL)`)
  await all.writer.write(sum('a 5'))
  assert.deepEqual(await valuesOf(all.database), ['a 5'])
})

test('limits are those of the column as it stands', async () => {
  await using all = await opened()
  await all.writer.write(sum('a 9223372036854775807'))
  const columns: readonly (readonly [type: string, most: string])[] = [
    ['integer', '2147483647'],
    ['smallint', '32767'],
    ['numeric(5,2)', '999'],
  ]
  for (const [type, most] of columns) {
    const [key, value] = incrementSums.sink.columns
    if (!key || !value) assert.fail('the pipeline has two columns')
    const table = {
      ...incrementSums.sink,
      name: 'narrow',
      columns: [key, { ...value, type }],
    }
    await all.database.query(
      `DROP TABLE IF EXISTS narrow; CREATE TABLE narrow (key text PRIMARY KEY, value ${type})`,
    )
    const writer = new IdentifiedWriter(all.database.pool({}), table, { pipeline: type, horizonMs })
    assert.equal((await writer.write([...sum(`a ${most}`), ...sum('b 1')])).written, 2)
    const { written, refused } = await writer.write([...sum('a 1'), ...sum('b 2')])
    assert.deepEqual([written, refused?.map(({ at }) => at)], [1, [0]], type)
  }
})

test('whether the table still takes what it has is tried, and leaves nothing', async () => {
  for (const [pipeline, create, column] of [
    [incrementSums, createSums, 'value'],
    [incrementLog, createLog, 'amount'],
  ] as const) {
    await using all = await opened(pipeline, create)
    assert.equal(await all.writer.rewriteExistingRow(), false, 'there is none')
    const [record] = recordsOf(pipeline, 'a 5') as [KeyedRecord<CheckedRow>]
    await all.writer.write([record])
    await all.writer.retake(record)
    assert.equal(await all.writer.rewriteExistingRow(), true)
    const count = await all.database.query(`SELECT FROM ${pipeline.sink.name} WHERE ${column} = 5`)
    assert.equal(count.length, 1)
    await all.database.query(`ALTER TABLE ${pipeline.sink.name} ADD CHECK (${column} < 5) NOT VALID`)
    await assert.rejects(all.writer.retake(record), /check/)
    await assert.rejects(all.writer.rewriteExistingRow(), /check/)
  }
})

test('a trigger that discards rows is seen: nothing is entered for what it discards', async () => {
  for (const [pipeline, create] of [
    [incrementSums, createSums],
    [incrementLog, createLog],
  ] as const) {
    await using all = await opened(pipeline, create)
    const { name } = pipeline.sink
    await all.database.query(
      `CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.key = 'bad' THEN RETURN NULL; END IF; RETURN NEW; END $$;
       CREATE TRIGGER skip BEFORE INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION skip()`,
    )
    await assert.rejects(
      all.writer.write(recordsOf(pipeline, 'a 1;bad 2')),
      /discarded or changed by a trigger/,
    )
    assert.deepEqual(await all.database.query('SELECT FROM applied_messages'), [])
    assert.equal((await all.writer.write(recordsOf(pipeline, 'a 1'))).written, 1)
  }
})

test('a table of identities that does not survive a crash, or has a trigger, is written no more', async () => {
  await using all = await opened()
  await all.writer.write([...sum('a 1'), ...sum('a 2', { attributes: request('a') })])
  await all.database.query('ALTER TABLE applied_requests SET UNLOGGED')
  await assert.rejects(all.writer.write(sum('a 4')), /applied_requests: it is unlogged/)
  await all.database.query('ALTER TABLE applied_requests SET LOGGED')
  const [day] = await all.database.query<{ name: string }>(
    `SELECT min(inhrelid::regclass::text) AS name FROM pg_inherits WHERE inhparent = 'applied_messages'::regclass`,
  )
  await all.database.query(`ALTER TABLE ${day?.name} SET UNLOGGED`)
  await assert.rejects(
    all.writer.write(sum('a 4')),
    /its partition applied_messages_\d+ does not survive a crash/,
  )
  await all.database.query(`ALTER TABLE ${day?.name} SET LOGGED`)
  await all.database.query(
    `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
     CREATE TRIGGER nothing BEFORE INSERT ON applied_messages FOR EACH ROW EXECUTE FUNCTION nothing()`,
  )
  await assert.rejects(all.writer.write(sum('a 4')), /applied_messages: it must have no trigger nothing: /)
  assert.deepEqual(await valuesOf(all.database), ['a 3'])
})

test('a duplicate is acked only when what it repeats is durable: its identity is locked', async () => {
  await using all = await opened()
  await all.writer.write(sum('a 1'))
  const client = await all.database.connect()
  await client.query('BEGIN; SELECT FROM applied_messages FOR UPDATE')
  const brief = new IdentifiedWriter(
    all.database.pool({}),
    incrementSums.sink,
    { pipeline: 'sums', horizonMs },
    { usual: '20ms', brief: '2ms' },
  )
  await assert.rejects(
    brief.write(sum('a 1')),
    (error) => error instanceof WriteFailure && error.class === 'locked',
  )
  await client.query('ROLLBACK')
  assert.deepEqual(await brief.write(sum('a 1')), { written: 0, duplicates: [0] })
})

test('rows that another transaction holds are seen, those of sums', async () => {
  await using all = await opened()
  await all.writer.write(sum('a 1;b 2'))
  const client = await all.database.connect()
  await client.query(`BEGIN; SELECT FROM sums WHERE key = 'b' FOR UPDATE`)
  const records = [...sum('a 3;b 4'), ...sum('b 5')]
  assert.deepEqual(await all.writer.locked?.(records), records.slice(1))
  await client.query('ROLLBACK')
})

test('writers with the same keys and identities in other orders do not wait for each other in a circle', async () => {
  await using all = await opened()
  const batches = Array.from({ length: 8 }, (_, at) => sum(`a ${at};b ${at};c ${at}`, { id: String(at) }))
  const order = [...batches.keys()]
  const attempts = [0, 1, 2, 3].map((turn) => {
    const rotated = order.map((at) => (at + turn * 2) % batches.length)
    return all
      .another()
      .write((turn % 2 === 0 ? rotated : rotated.reverse()).flatMap((at) => batches[at] ?? []))
  })
  const stored = await Promise.all(attempts)
  assert.equal(
    stored.reduce((total, { written }) => total + written, 0),
    24,
  )
  assert.deepEqual(await valuesOf(all.database), ['a 28', 'b 28', 'c 28'])
})

test('requests are kept for the window and the horizon, and removed in batches', async () => {
  await using all = await opened()
  const pool = all.database.pool({})
  const options = { pool, pipeline: 'sums', windowMs: dayMs }
  assert.equal(await sweepRequests(options), 0, 'there are no days')
  await all.writer.write(sum('a 1;a 2', { attributes: request('a') }))
  // The oldest day begins one to two days before the horizon.
  const used = (ago: string) =>
    all.database.query(
      `UPDATE applied_requests SET first_used_at = date_trunc('day', now(), 'UTC') - interval '9 days' - interval '${ago}'`,
    )
  await used('1 day')
  assert.equal(await sweepRequests(options), 0)
  await used('1 day 2 hours')
  assert.equal(await sweepRequests({ ...options, pipeline: 'other' }), 0)
  assert.equal(await sweepRequests(options), 2)
})

test('a role without DDL does all of it with the documented grants', async () => {
  await using all = await opened()
  await all.database.query(
    `DROP ROLE IF EXISTS only_writes; CREATE ROLE only_writes LOGIN PASSWORD 'secret';
     GRANT USAGE ON SCHEMA public TO only_writes;
     GRANT SELECT, INSERT, UPDATE ON sums, applied_messages TO only_writes;
     GRANT SELECT, INSERT, UPDATE, DELETE ON applied_requests TO only_writes`,
  )
  const pool = all.database.pool({ user: 'only_writes', password: 'secret' })
  const writer = new IdentifiedWriter(pool, incrementSums.sink, { pipeline: 'sums', horizonMs })
  await assert.rejects(writer.write(sum('a 1')), (error) => {
    assert.ok(error instanceof WriteFailure)
    assert.equal(error.class, 'no-rights')
    assert.match(
      JSON.stringify(error.fixes),
      /GRANT EXECUTE ON FUNCTION .*keep_applied_days.* TO .*only_writes/,
    )
    return true
  })
  await all.database.query('GRANT EXECUTE ON FUNCTION keep_applied_days TO only_writes')
  assert.equal((await writer.write([...sum('a 1'), ...sum('a 2', { attributes: request('a') })])).written, 2)
  await keepAppliedDays(pool, 2 * dayMs)
  assert.equal(await sweepRequests({ pool, pipeline: 'sums', windowMs: 0 }), 0)
  assert.deepEqual(await valuesOf(all.database), ['a 3'])
})

test('without the tables of identities the message says which, and what makes it', async () => {
  await using all = await opened()
  await all.database.query('DROP TABLE applied_requests')
  await assert.rejects(all.writer.write(sum('a 1')), (error) => {
    assert.ok(error instanceof WriteFailure)
    assert.match(error.message, /applied_requests does not exist/)
    assert.match(JSON.stringify(error.fixes), /migrate up/)
    return true
  })
})
