// The simulated PostgreSQL is a table as the real one is, seen through the real writers.
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { readEpoch } from '#postgres/epoch.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { rollingBackOf } from '#postgres/transaction.ts'
import type { OpenTable } from '../../conformance/writer.ts'
import { writerConformance } from '../../conformance/writer.ts'
import { wordPipeline } from '../../support/word-pipeline.ts'
import { openPostgres } from './opened-postgres.ts'

async function open(): Promise<OpenTable> {
  const { sink: table, name: pipeline } = wordPipeline
  const { server, poolOf, inTime } = openPostgres(table)
  const pool = poolOf('test') as never
  const writer = new TableWriter(pool, table)
  const deadLetters = new DeadLetterTable(pool, { pipeline, subscription: 's', maxMessageBytes: 1000 })
  return {
    writer: {
      write: (records) => inTime(writer.write(records)),
      locked: (records) => inTime(writer.locked(records)),
      rewriteExistingRow: () => inTime(writer.rewriteExistingRow()),
    },
    deadLetters: { store: (batch) => inTime(deadLetters.store(batch)) },
    rows: async () =>
      [...server.rows.values()].map(({ key, version, content }) => ({
        key: (JSON.parse(key) as string[])[0] ?? '',
        version,
        content,
      })),
    storedDeadLetters: async () =>
      [...server.deadLetters.values()].map(({ messageId: id, reason }) => ({ id, reason })),
    epoch: () => inTime(rollingBackOf(pool, (client) => readEpoch(client, table, pipeline))),
    truncate: async () => server.truncate(),
    [Symbol.asyncDispose]: async () => {},
  }
}

writerConformance('simulated PostgreSQL', open)
