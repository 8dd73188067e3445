import assert from 'node:assert/strict'
import { test } from 'vitest'
import { problemText } from '#connect/explain.ts'
import { noLogger } from '#core/logger.ts'
import { scans } from '#pipeline/scans.ts'
import { freshDatabase, startTestServer, until } from '../../test/support/postgres.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { neededTables } from './needed-tables.ts'
import { TableWatch } from './table-watch.ts'

const server = await startTestServer()

test('a table altered while nothing is written is reported within five seconds, until it is fixed', async () => {
  await using database = await freshDatabase(server)
  const clock = new VirtualClock()
  const lines: string[] = []
  const note = (_: unknown, message: string) => void lines.push(message)
  const logger = { ...noLogger, info: note, error: note }
  const tables = neededTables(scans.sink, false)
  using watch = new TableWatch({ pool: database.pool(), tables, logger, clock, explain: problemText })
  const looked = (unfit: readonly RegExp[]) =>
    until(async () => {
      await clock.advance(5000)
      return watch.unfit.length === unfit.length && unfit.every((one, at) => one.test(watch.unfit[at] ?? ''))
    })
  await looked([])
  await database.query('ALTER TABLE scan_results SET UNLOGGED')
  await database.query('ALTER TABLE dead_letters ALTER times_seen TYPE bigint')
  await looked([
    /^table scan_results: it is unlogged.*SET LOGGED;$/,
    /^table dead_letters: times_seen is bigint/,
  ])
  await looked([/scan_results/, /dead_letters/])
  assert.equal(lines.length, 2, lines.join('\n'))
  await database.query('ALTER TABLE scan_results SET LOGGED')
  await database.query('ALTER TABLE dead_letters ALTER times_seen TYPE integer')
  await database.query('ALTER TABLE dead_letters RENAME TO elsewhere')
  await looked([/^table dead_letters does not exist; create it: bin\/ingester migrate up$/])
  await database.query('ALTER TABLE elsewhere RENAME TO dead_letters')
  await looked([])
  assert.match(lines.at(-1) ?? '', /the tables fit again/)
})
