import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noLogger } from '#core/logger.ts'
import { freshDatabase, startTestServer } from '../../test/support/postgres.ts'
import { createPool } from './pool.ts'

const server = await startTestServer()

for (const [set, used] of [
  ['off', 'on'],
  ['local', 'local'],
  ['on', 'on'],
  ['remote_apply', 'remote_apply'],
] as const) {
  test(`synchronous_commit = ${set} in the database is ${used} here: what is acked must survive a crash`, async () => {
    await using database = await freshDatabase(server)
    await database.query(`ALTER DATABASE "${database.options.database}" SET synchronous_commit = ${set}`)
    const pool = createPool({ ...database.options, poolSize: 2 }, noLogger)
    const shown = await Promise.all([1, 2].map(() => pool.query('SHOW synchronous_commit')))
    await pool.end()
    assert.deepEqual(
      shown.map(({ rows }) => rows[0].synchronous_commit),
      [used, used],
    )
  })
}
