import { test } from 'vitest'
import { createSums, incrementSums } from '../../test/support/increment-pipelines.ts'
import { freshDatabase, migrationsDir, startTestServer } from '../../test/support/postgres.ts'
import { keepAppliedDays } from './applied/applied-days.ts'
import { grantByDefault } from './default-grants.ts'
import { migrate } from './migrations.ts'
import { checkTables } from './start-check.ts'

const server = await startTestServer()

test('what the owner makes later can be used by the role that writes, functions included', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await database.query(`DROP ROLE IF EXISTS "a writer"; CREATE ROLE "a writer" LOGIN PASSWORD 'secret'`)
  await grantByDefault(database.options, 'a writer')
  await migrate(database.options, migrationsDir, 'up')
  await database.query(createSums)
  const pool = database.pool({ user: 'a writer', password: () => 'secret' })
  await checkTables(pool, [incrementSums.sink], true)
  await keepAppliedDays(pool, 2 * 86_400_000)
  await database.query('DROP OWNED BY "a writer"; DROP ROLE "a writer"')
})
