import assert from 'node:assert/strict'
import { test } from 'vitest'
import { problemText } from '#connect/explain.ts'
import { noLogger } from '#core/logger.ts'
import { scans } from '#pipeline/scans.ts'
import { freshDatabase, startTestServer, until } from '../../test/support/postgres.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { neededSink, neededTables } from './needed-tables.ts'
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

test("a mapping's table that lacks a column: its statement, also beside another type, which waits for it", async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await database.query(
    'CREATE TABLE things (id bigint PRIMARY KEY, total numeric(8,2), revision bigint, note text)',
  )
  const clock = new VirtualClock()
  const column = (name: string, type: string) => ({ name, type, of: () => null })
  const columns = [
    column('id', 'bigint'),
    column('total', 'numeric(8,2)'),
    column('revision', 'bigint'),
    column('note', 'text'),
  ]
  const needed = neededSink({
    name: 'things',
    columns,
    key: ['id'],
    version: ['revision'],
    origin: { module: 'things.yaml', isMapping: true },
  })
  const pool = database.pool()
  using watch = new TableWatch({ pool, tables: [needed], logger: noLogger, clock, explain: problemText })
  const told = (text: string) =>
    until(async () => {
      await clock.advance(5000)
      return watch.unfit.join('\n') === text
    })
  await told('')
  const added = 'bring it up to date, as its owner: ALTER TABLE "things" ADD COLUMN "note" text;'
  await database.query('ALTER TABLE things DROP COLUMN note, ALTER COLUMN total TYPE numeric(9,3)')
  await told(
    `table things: it has no column note; total is numeric(9,3), not numeric(8,2); ${added}; then the type of what is left is read anew`,
  )

  await database.query('ALTER TABLE things ALTER COLUMN total TYPE numeric(8,2)')
  await told(`table things: it has no column note; ${added}`)
  await database.query('ALTER TABLE things ADD COLUMN note text')
  await told('')
})
