import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import type pg from 'pg'
import { configOf } from '#config/config.ts'
import { noLogger } from '#core/logger.ts'
import { freshDatabase, startTestServer } from '../../test/support/postgres.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { createPool, withConnection } from './pool.ts'
import { asWriteFailure } from './sqlstate.ts'

const server = await startTestServer()
const folder = await mkdtemp(join(tmpdir(), 'rotation-'))
afterAll(() => rm(folder, { recursive: true }))

const role = 'rotates'

/** The server asks for passwords, also on this machine. */
async function setPassword(database: TestDatabase, password: string): Promise<void> {
  await database.query(
    `DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
  )
  await database.query(`ALTER ROLE ${role} PASSWORD '${password}'`)
}

const settings = {
  INGESTER_PROJECTID: 'my-project',
  INGESTER_POSTGRES_HOST: server.host,
  INGESTER_POSTGRES_PORT: String(server.port),
  INGESTER_POSTGRES_DB: server.database,
  INGESTER_POSTGRES_SSL_MODE: 'disable',
}

for (const [variable, text] of [
  ['INGESTER_POSTGRES_PASSWORD_FILE', (password: string) => `${password}\n`],
  ['INGESTER_POSTGRES_URL_FILE', (password: string) => `postgres://${role}:${password}@localhost\n`],
] as const) {
  test(`${variable}: a connection made after a rotation uses the new password, without a restart`, async () => {
    await using database = await freshDatabase(server, { migrated: false })
    const file = join(folder, variable)
    await writeFile(file, text('first'))
    const { postgres } = configOf({ ...settings, INGESTER_POSTGRES_USER: role, [variable]: file }).config
    const name = async (pool: pg.Pool) =>
      (await pool.query('SELECT current_user AS name')).rows[0].name as string
    const pool = createPool({ ...postgres, poolSize: 1 }, noLogger)
    const later = createPool({ ...postgres, poolSize: 1 }, noLogger)
    try {
      await setPassword(database, 'first')
      assert.equal(await name(pool), role)
      await setPassword(database, 'second')
      await assert.rejects(later.query('SELECT'), { code: '28P01' })
      await writeFile(file, text('second'))
      assert.equal(await name(later), role)
      assert.equal(await name(pool), role, 'what is open stays open')
      await withConnection(postgres, (client) => client.query('SELECT'))
    } finally {
      await Promise.all([pool.end(), later.end()])
    }
  })
}

test('a temporarily missing file is a connection failure that says so, and leaves no connection behind', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await setPassword(database, 'kept')
  const file = join(folder, 'away')
  await writeFile(file, 'kept')
  const { postgres } = configOf({
    ...settings,
    INGESTER_POSTGRES_USER: role,
    INGESTER_POSTGRES_PASSWORD_FILE: file,
  }).config
  const pool = createPool({ ...postgres, poolSize: 1 }, noLogger)
  try {
    await rm(file)
    for (const broken of [undefined, '', 'kept\0']) {
      if (broken !== undefined) await writeFile(file, broken)
      await assert.rejects(pool.query('SELECT'), (error) => {
        const failure = asWriteFailure(error, 'scan_results')
        assert.equal(failure.class, 'infrastructure')
        assert.match(
          failure.message,
          /INGESTER_POSTGRES_PASSWORD_FILE .*(cannot be read: ENOENT|is empty|NUL)/,
        )
        assert.doesNotMatch(failure.message, /kept/)
        return true
      })
    }
    const waiting = `SELECT FROM pg_stat_activity WHERE client_port IS NOT NULL AND usename IS NULL AND backend_type = 'client backend'`
    const end = performance.now() + 5000
    while ((await database.query(waiting)).length > 0) {
      assert.ok(performance.now() < end, 'connections wait for a password')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await writeFile(file, 'kept')
    await pool.query('SELECT')
  } finally {
    await pool.end()
  }
})
