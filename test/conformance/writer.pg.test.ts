import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { readEpoch } from '#postgres/epoch.ts'
import type { PostgresOptions } from '#postgres/pool.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { rollingBackOf } from '#postgres/transaction.ts'
import { startPgbouncer, withoutPgbouncer } from '../support/pgbouncer.ts'
import { freshDatabase, startTestServer } from '../support/postgres.ts'
import { wordPipeline } from '../support/word-pipeline.ts'
import type { OpenTable } from './writer.ts'
import { writerConformance } from './writer.ts'
import { skippedFor } from '../support/skip.ts'

const server = await startTestServer()

/** @param way how the product reaches the server; the test itself looks at it directly */
async function open(way: Partial<PostgresOptions>): Promise<OpenTable> {
  const database = await freshDatabase(server)
  await database.query(
    `CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL,
                         content text NOT NULL CHECK (content <> 'bad'))`,
  )
  const pool = database.pool(way)
  const { sink: table, name: pipeline } = wordPipeline
  return {
    writer: new TableWriter(pool, table),
    deadLetters: new DeadLetterTable(pool, { pipeline, subscription: 's', maxMessageBytes: 1000 }),
    rows: async () => {
      const rows = await database.query<{ key: string; version: string; content: string }>(
        'SELECT * FROM words',
      )
      return rows.map((row) => ({ ...row, version: BigInt(row.version) }))
    },
    storedDeadLetters: () => database.query('SELECT message_id AS id, reason FROM dead_letters'),
    epoch: () => rollingBackOf(pool, (client) => readEpoch(client, table, pipeline)),
    truncate: async () => {
      await database.query('TRUNCATE words')
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

writerConformance('PostgreSQL', () => open({}))

for (const mode of ['transaction', 'session']) {
  const name = `PostgreSQL through PgBouncer, ${mode} mode`
  const bouncer = withoutPgbouncer ? undefined : await startPgbouncer(server, { pool_mode: mode })
  writerConformance(name, () => open({ port: bouncer?.port ?? 0 }), skippedFor(withoutPgbouncer))
}
