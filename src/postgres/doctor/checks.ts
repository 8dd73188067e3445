import type pg from 'pg'
import { addressOf } from '#core/address.ts'
import { messageOf } from '#core/error-message.ts'
import type { Check, Finding } from '#core/finding.ts'
import { failed, inTurn, ok, skipped, skippedAll } from '#core/finding.ts'
import { asOwner, ingester, setting, sql } from '#core/fix.ts'
import { isLoopback } from '#core/loopback.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import { readEpoch } from '../epoch.ts'
import { mayMigrate, migrationStatusOn, migrationsTableOf } from '../migrations.ts'
import type { PostgresOptions } from '../pool.ts'
import { withConnection } from '../pool.ts'
import { pooledDifferences, poolingOf } from '../pooler.ts'
import { isPooled } from '../session.ts'
import { neededTables } from '../needed-tables.ts'
import { migrateUp } from '../table-advice.ts'
import { rollingBack } from '../transaction.ts'
import { appliedFindings, appliedNames } from './applied-findings.ts'
import { connectionFinding } from './connection-finding.ts'
import type { ServerFacts } from './server-facts.ts'
import { serverFacts } from './server-facts.ts'
import type { Load } from './server-findings.ts'
import { serverFindings, serverNames } from './server-findings.ts'
import { tableFacts } from './table-facts.ts'
import type { Migrations } from './table-findings.ts'
import { tableFindings, tableNames } from './table-findings.ts'

export interface PostgresCheckOptions extends Load {
  readonly postgres: PostgresOptions
  readonly table: PostgresTable
  readonly pipeline: string
  readonly migrationsDir: string
  /** Whether the cache's epoch will be read, where the pipeline has a cache. */
  readonly withCache: boolean
  /** For how long it is remembered what has counted, by pipelines whose records count once. */
  readonly identityHorizonMs: number
}

const reachable = 'postgres'
const pooler = 'postgres pooler'
const migrated = 'postgres migrations'
const epochKnown = 'epoch'

/** Timeouts for a server that does not answer: connecting and one query take 5 s at most. */
const timeouts = { connectTimeoutMs: 2500, statementTimeoutMs: 2000, clientTimeoutMarginMs: 500 }

/** What is wrong with PostgreSQL, asked on one connection; reads only. Never rejects. */
export async function checkPostgres(options: PostgresCheckOptions): Promise<Finding[]> {
  const postgres = { ...options.postgres, ...timeouts }
  let connected = false
  try {
    return await withConnection(postgres, async (client) => {
      connected = true
      const startMs = performance.now()
      const checks = checksOn(client, options, startMs)
      return inTurn(checks, (name, error) =>
        failed(name, `PostgreSQL does not answer: ${messageOf(error)}`, ingester('doctor')),
      )
    })
  } catch (error) {
    if (connected) throw error
    const names = checksOn(undefined as never, options, 0).flatMap((check) => check.names)
    const [, ...others] = names
    return [
      connectionFinding(reachable, error, postgres, migrateUp(options.table.origin)),
      ...skippedAll(others, 'PostgreSQL was not reached'),
    ]
  }
}

function checksOn(client: pg.Client, options: PostgresCheckOptions, startMs: number): Check[] {
  const { table, pipeline, migrationsDir, identityHorizonMs: horizonMs } = options
  const withCache = options.withCache && !countsOnce(table)
  const ownMigrations = table.origin?.migrations
  const tables = neededTables(table, withCache)
  const [sink] = tables
  let facts: ServerFacts
  let migrations: Migrations = { state: 'unknown', mayMigrate: false }
  let own: Migrations = migrations
  return [
    {
      names: [reachable, pooler, ...serverNames],
      run: async () => {
        facts = await serverFacts(client)
        const isOwner = (await rollingBack(client, () => tableFacts(client, sink)))?.isOwner ?? false
        return [
          reachedFinding(facts, options.postgres, isPooled(client), performance.now() - startMs),
          await poolerFinding(client, options.postgres),
          ...serverFindings(facts, options, { isOwner, isLocal: isLoopback(options.postgres.host) }, tables),
        ]
      },
    },
    {
      names: [migrated],
      run: async () => {
        migrations = own = await migrationsOf(client, migrationsDir)
        return [migrationsFinding(migrated, migrations, 'migrate up')]
      },
    },
    ...(ownMigrations === undefined
      ? []
      : [
          {
            names: [`migrations of ${pipeline}`],
            run: async () => {
              own = await migrationsOf(client, ownMigrations, migrationsTableOf(pipeline))
              return [migrationsFinding(`migrations of ${pipeline}`, own, migrateUp(table.origin))]
            },
          },
        ]),
    ...tables.map((needed) => ({
      names: tableNames(needed.name, needed === sink),
      run: () =>
        rollingBack(client, () =>
          tableFindings(client, needed, {
            migrationsDir: needed === sink ? (ownMigrations ?? migrationsDir) : migrationsDir,
            migrations: needed === sink ? own : migrations,
            withCache,
            isSink: needed === sink,
          }),
        ),
    })),
    ...(countsOnce(table)
      ? [
          {
            names: appliedNames,
            run: () =>
              rollingBack(client, () => appliedFindings(client, { migrationsDir, migrations, horizonMs })),
          },
        ]
      : []),
    ...(withCache
      ? [{ names: [epochKnown], run: async () => [await epochFinding(client, options, facts)] }]
      : []),
  ]
}

function reachedFinding(
  { role, database, tls }: ServerFacts,
  { host, port, sslMode }: PostgresOptions,
  pooled: boolean,
  elapsedMs: number,
): Finding {
  // Behind a pooler the server reports the pooler's connection to it.
  const isPlain = pooled ? sslMode === 'disable' : tls === null
  const security = isPlain ? 'plaintext' : [...(pooled ? [] : [tls]), sslMode].join(', ')
  const detail = `${addressOf(host, port)}, database ${database}, role ${role}, ${security}, ${elapsedMs.toFixed()} ms`
  return ok(reachable, detail)
}

/** It works, so there is no warning; the differences are shown all the same. */
async function poolerFinding(client: pg.Client, options: PostgresOptions): Promise<Finding> {
  const pooling = await poolingOf(client, { ...options, ...timeouts })
  if (pooling === 'none') return ok(pooler, 'none in between')
  return ok(pooler, `there is one, in ${pooling} mode: ${pooledDifferences}`)
}

interface MigrationFacts extends Migrations {
  /** All there are, and the names of those that are pending; absent where that is not known. */
  readonly known?: { readonly count: number; readonly pending: readonly string[] }
}

async function migrationsOf(client: pg.Client, dir: string, table?: string): Promise<MigrationFacts> {
  const may = await rollingBack(client, () => mayMigrate(client, table))
  try {
    const all = await rollingBack(client, () => migrationStatusOn(client, dir, table))
    const pending = all.filter(({ appliedAt }) => !appliedAt).map(({ name }) => name)
    const state = pending.length === 0 ? 'applied' : 'pending'
    return { state, mayMigrate: may, known: { count: all.length, pending } }
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error
    return { state: 'unknown', mayMigrate: false }
  }
}

function migrationsFinding(name: string, { known, mayMigrate: may }: MigrationFacts, up: string): Finding {
  // Who only writes need not be able to; the tables themselves are looked at next.
  if (!known) return skipped(name, 'the role may not read which are applied, and need not')
  if (known.pending.length === 0) return ok(name, `all ${known.count} applied`)
  return failed(name, `pending: ${known.pending.join(', ')}`, (may ? ingester : asOwner)(up))
}

/** No table or column, no privileges on it, or locked by another session. */
const reportedElsewhere: ReadonlySet<string> = new Set(['42P01', '42703', '42501', '55P03'])

/** Without it the cache is never used. */
async function epochFinding(
  client: pg.Client,
  { table, pipeline }: PostgresCheckOptions,
  { refusedFunctions, role, isStandby }: ServerFacts,
): Promise<Finding> {
  if (isStandby) return skipped(epochKnown, 'a standby has none')
  if (refusedFunctions.length > 0) {
    const detail = `the cache cannot be used: ${role} may not call ${refusedFunctions.join(', ')}`
    const grants = refusedFunctions.map((name) => `GRANT EXECUTE ON FUNCTION ${name} TO ${role};`)
    return failed(epochKnown, detail, sql('a superuser, in this database', ...grants))
  }
  try {
    const epoch = await rollingBack(client, () => readEpoch(client, table, pipeline))
    if (epoch !== null) return ok(epochKnown, epoch)
    return skipped(
      epochKnown,
      `${table.name} has none while it is unlogged, a view, or without a partition: the cache is not used`,
    )
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === undefined) throw error
    // The checks of the tables report what is missing.
    if (reportedElsewhere.has(code)) return skipped(epochKnown, `it cannot be read: ${messageOf(error)}`)
    const detail = `not available on this server, so the cache is never used: ${messageOf(error)} [${code}]; do without Redis`
    return failed(epochKnown, detail, setting({ 'redis.enabled': 'false' }))
  }
}
