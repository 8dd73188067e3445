// The simulated PostgreSQL is a table as the real one is, seen through the real writers.
import { Random } from '#demo/random.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { readEpoch } from '#postgres/epoch.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { rollingBackOf } from '#postgres/transaction.ts'
import type { OpenTable } from '../../conformance/writer.ts'
import { writerConformance } from '../../conformance/writer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { wordPipeline } from '../../support/word-pipeline.ts'
import { PostgresEndpoint } from './postgres-endpoint.ts'
import { SimulatedPostgres } from './postgres.ts'
import { SimulatedPostgresPool } from './postgres-pool.ts'
import { Story } from './story.ts'
import { Wire, calm } from './wire.ts'

async function open(): Promise<OpenTable> {
  const clock = new VirtualClock()
  const story = new Story(clock, false)
  const { sink: table, name: pipeline } = wordPipeline
  const server = new SimulatedPostgres(table, { placed: () => {} })
  const host = { name: 'test', alive: true, clock, at: () => {} }
  const postgres = new PostgresEndpoint(
    server,
    new Wire('postgres', calm, clock, new Random(1), story),
    story,
  )
  const pool = new SimulatedPostgresPool(host, postgres, 10) as never
  const writer = new TableWriter(pool, table)
  const deadLetters = new DeadLetterTable(pool, { pipeline, subscription: 's', maxMessageBytes: 1000 })

  /** Time passes while a caller waits. */
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    let over = false
    const settled = work.then(
      () => (over = true),
      () => (over = true),
    )
    while (!over) await clock.advance(1)
    await settled
    return await work
  }
  return {
    writer: {
      write: (records) => inTime(writer.write(records)),
      locked: (records) => inTime(writer.locked(records)),
      rewriteExistingRow: () => inTime(writer.rewriteExistingRow()),
    },
    deadLetters: { store: (batch) => inTime(deadLetters.store(batch)) },
    rows: async () =>
      [...server.rows.values()].map((row) => ({ ...row, key: (JSON.parse(row.key) as string[])[0] ?? '' })),
    storedDeadLetters: async () =>
      [...server.deadLetters.values()].map(({ messageId: id, reason }) => ({ id, reason })),
    epoch: () => inTime(rollingBackOf(pool, (client) => readEpoch(client, table, pipeline))),
    truncate: async () => server.truncate(),
    [Symbol.asyncDispose]: async () => {},
  }
}

writerConformance('simulated PostgreSQL', open)
