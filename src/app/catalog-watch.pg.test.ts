import assert from 'node:assert/strict'
import { test } from 'vitest'
import { noLogger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { unboundPipeline } from '#pipeline/mapping/mapped-pipeline.ts'
import { parseMapping } from '#pipeline/mapping/read-mapping.ts'
import { readCatalog } from '#postgres/read-catalog.ts'
import { freshDatabase, startTestServer } from '../../test/support/postgres.ts'
import { until } from '../../test/support/system.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { CatalogWatch } from './catalog-watch.ts'

const server = await startTestServer()
const mapping = parseMapping(
  'name: things\nsubscription: things-sub\ntable: things\nkey: id\nversion: revision\ncolumns: { note: { path: note, optional: true } }\n',
  'things.yaml',
)

test('an altered table is offered until it is taken; what contradicts the file is logged once', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await database.query(
    'CREATE TABLE things (id bigint PRIMARY KEY, revision integer NOT NULL, note varchar(5))',
  )
  const pool = database.pool()
  const clock = new VirtualClock()
  const lines: string[] = []
  const offered: string[] = []
  let isTaken = false
  const typeOfNote = ({ sink }: Pipeline) => sink.columns.find(({ name }) => name === 'note')?.type ?? ''
  using _ = new CatalogWatch({
    pool,
    pipeline: unboundPipeline(mapping).bind(await readCatalog(pool, 'things')),
    logger: { ...noLogger, error: (_fields, message) => void lines.push(message) },
    clock,
    onAltered: (pipeline) => {
      offered.push(typeOfNote(pipeline))
      return Promise.resolve(isTaken)
    },
  })
  const looked = (isDone: () => boolean) =>
    until(
      async () => {
        await clock.advance(2000)
        return isDone()
      },
      (done) => done,
    )

  await database.query('ALTER TABLE things ADD COLUMN added text, ALTER COLUMN note TYPE text')
  await looked(() => offered.length >= 2)
  isTaken = true
  await looked(() => offered.length >= 3)
  assert.deepEqual(new Set(offered), new Set(['text']))

  const before = offered.length
  await database.query('ALTER TABLE things ALTER COLUMN note SET NOT NULL')
  await looked(() => lines.length > 0)
  await database.query(
    'ALTER TABLE things ALTER COLUMN note DROP NOT NULL, ALTER COLUMN note TYPE varchar(7)',
  )
  await looked(() => offered.length > before)
  assert.deepEqual(offered.slice(before), ['character varying(7)'])
  assert.deepEqual(lines, ['the table was altered, and contradicts the mapping file'])
})
