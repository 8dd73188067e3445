import { expect, test } from 'vitest'
import type pg from 'pg'
import { migrate } from '#postgres/migrations.ts'
import { migrationsDir } from '#runtime/project.ts'
import type { Program } from '../support/program.ts'
import { startIngesterProgram } from '../support/program.ts'
import { publishMixture } from '../support/publish.ts'
import { showSeed } from '../support/seed.ts'
import type { TestSystem } from '../support/system.ts'
import { connectSql, createSubscription, metric, startSystem, until } from '../support/system.ts'

const messages = Number(process.env['TEST_MESSAGES'] ?? 6000)

test(`three replicas, one killed with -9 with deliveries outstanding: ${messages} messages end in the table of a single process`, {
  timeout: 300_000,
}, async (t) => {
  await using system = await startSystem({}, { superuser: true })
  const alone = await secondDatabase(system)
  await using single = startIngesterProgram(['run'], { env: alone.env })
  await using first = startIngesterProgram(['run'], { env: system.env })
  await using second = startIngesterProgram(['run'], { env: system.env })
  await using victim = startIngesterProgram(['run'], { env: system.env })
  const victimUrl = await adminUrl(victim)
  await Promise.all([adminUrl(single), adminUrl(first), adminUrl(second)])

  // A lock that every write waits for: until it goes, all that comes is held.
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  const publishing = publishMixture(system, messages, showSeed(t), { duplicates: 20, late: 30, poison: 0 })
  await until(
    () => metric(victimUrl, 'ingester_messages_outstanding'),
    (held) => held >= 200,
  )
  victim.signal('SIGKILL')
  await expect(victim).toEndWith('SIGKILL')
  await system.sql.query('COMMIT')

  const { oracle } = await publishing
  // What the victim held is redelivered after its deadline; until then the table is only counted.
  await until(
    () => rowCount(system.sql),
    (rows) => rows >= oracle.keys,
    200_000,
  )
  await until(
    async () => oracle.differences(await system.scans()).length,
    (differences) => differences === 0,
    200_000,
  )
  const sameAsAlone = async () => (await digest(alone.sql)) === (await digest(system.sql))
  await until(sameAsAlone, (same) => same, 200_000)

  for (const program of [single, first, second]) program.signal('SIGTERM')
  for (const program of [single, first, second]) await expect(program).toEndWith(0)
  await alone.sql.end()
})

async function adminUrl(program: Program): Promise<string> {
  const [, url] = await program.said(/"admin":"(http[^"]+)"/)
  return url as string
}

/** A table of its own for one ingester on a second subscription of the same topic. */
async function secondDatabase(system: TestSystem): Promise<{ env: Record<string, string>; sql: pg.Client }> {
  await system.sql.query('CREATE DATABASE alone')
  const postgres = { ...system.config.postgres, database: 'alone' }
  await migrate(postgres, migrationsDir, 'up')
  await createSubscription(system.clients, system.topic, 'alone-sub')
  const env = { ...system.env, INGESTER_POSTGRES_DB: 'alone', INGESTER_SUBSCRIPTIONID: 'alone-sub' }
  return { env, sql: await connectSql({ ...system.config, postgres }) }
}

async function rowCount(sql: pg.Client): Promise<number> {
  const { rows } = await sql.query<{ count: number }>('SELECT count(*)::integer AS count FROM scan_results')
  return rows[0]?.count ?? 0
}

async function digest(sql: pg.Client): Promise<string> {
  const { rows } = await sql.query<{ digest: string }>(
    `SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY ip, port, service)), '') AS digest
     FROM scan_results AS t`,
  )
  return rows[0]?.digest ?? ''
}
