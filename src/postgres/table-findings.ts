import pg from 'pg'
import type { Finding } from '#core/finding.ts'
import { failed, ok, skippedAll, warning } from '#core/finding.ts'
import type { Mend } from '#core/mend.ts'
import { asOwner, ingester, setting, sql } from '#core/mend.ts'
import { creationOf } from './migrations.ts'
import type { NeededTable, Queryable } from './start-check.ts'
import { tableFaults } from './start-check.ts'
import type { ColumnFacts, TableFacts } from './table-facts.ts'
import { hiddenIn, tableFacts } from './table-facts.ts'

const owner = "the table's owner"

/** More than this leaves too little room for the new version of a row beside the old one. */
const mostFillfactor = 90

/** What `migrate up` would do about what is missing. */
export interface Migrations {
  /** Whether there are some that would still be applied. The role may not see it: then it is not known. */
  readonly state: 'applied' | 'pending' | 'unknown'
  /** Whether this role may apply them. */
  readonly mayMigrate: boolean
}

export interface TableCheckOptions {
  readonly migrationsDir: string
  readonly migrations: Migrations
  /** The pipeline's own table, whose rows change all the time and whose state the cache must know. */
  readonly isSink: boolean
  readonly withCache: boolean
}

export const tableNames = (table: string, isSink: boolean): string[] => [
  `table ${table}`,
  `columns of ${table}`,
  `key of ${table}`,
  ...(isSink ? [`indexes of ${table}`, `fillfactor of ${table}`] : []),
  `rights on ${table}`,
]

/** @throws whatever the connection throws */
export async function tableFindings(
  connection: Queryable,
  needed: NeededTable,
  options: TableCheckOptions,
): Promise<Finding[]> {
  const [there = '', ...others] = tableNames(needed.name, options.isSink)
  const facts = await tableFacts(connection, needed)
  if (!facts) {
    return [
      await absence(connection, there, needed, options),
      ...skippedAll(others, `there is no ${needed.name}`),
    ]
  }
  return [
    kindFinding(there, needed, facts, options),
    columnsFinding(needed, facts, options),
    keyFinding(needed, facts),
    ...(options.isSink ? [indexesFinding(needed, facts), fillfactorFinding(needed, facts)] : []),
    await rightsFinding(connection, needed),
  ]
}

async function absence(
  connection: Queryable,
  finding: string,
  { name }: NeededTable,
  { migrationsDir, migrations }: TableCheckOptions,
): Promise<Finding> {
  const hidden = await hiddenIn(connection, name)
  if (hidden && !hidden.usable) {
    const grant = `GRANT USAGE ON SCHEMA ${hidden.schema} TO ${hidden.role};`
    return failed(
      finding,
      `${hidden.role} may not use the schema ${hidden.schema}`,
      sql("the schema's owner", grant),
    )
  }
  if (hidden) {
    const path = `ALTER ROLE ${hidden.role} SET search_path = ${hidden.schema};`
    return failed(
      finding,
      `it is in the schema ${hidden.schema}, which is not searched`,
      sql('a superuser', path),
    )
  }
  const creation = migrations.state === 'applied' ? await creationOf(name, migrationsDir) : undefined
  if (creation === undefined) return failed(finding, 'it is not there', ...migrating(migrations))
  const detail = 'it is not there, although its migration was applied: it was dropped by hand'
  return failed(finding, detail, sql("the other tables' owner", ...creation.split('\n')))
}

/** The owner's doctor sees whether a migration is pending or something was dropped by hand. */
function migrating({ state, mayMigrate }: Migrations): [Mend, ...Mend[]] {
  if (state === 'unknown') return [asOwner('migrate up'), asOwner('doctor')]
  return [(mayMigrate ? ingester : asOwner)('migrate up')]
}

function kindFinding(
  finding: string,
  { name }: NeededTable,
  { kind, persistence }: TableFacts,
  { withCache, isSink }: TableCheckOptions,
): Finding {
  if (persistence === 'u') {
    const detail = 'it is unlogged: a crash empties it, and what was acked is lost'
    return failed(finding, detail, sql(owner, `ALTER TABLE ${name} SET LOGGED;`))
  }
  if (kind === 'r' && persistence === 'p') return ok(finding, 'a plain table that survives a crash')
  if (kind === 'p' && !(isSink && withCache)) return ok(finding, 'partitioned')
  if (kind === 'p') {
    const detail = 'it is partitioned, and has no epoch: the cache is never used'
    return warning(finding, detail, setting({ INGESTER_REDIS_ENABLED: 'false' }))
  }
  const kinds: Readonly<Record<string, string>> = {
    v: 'a view',
    m: 'a materialized view',
    f: 'a foreign table',
  }
  const other = kinds[kind] ?? 'not a plain table'
  // Renamed, it makes room for the table: the next report has the statement that makes that.
  return failed(finding, `it is ${other}`, sql(owner, `ALTER TABLE ${name} RENAME TO ${name}_before;`))
}

function columnsFinding(
  needed: NeededTable,
  { columns }: TableFacts,
  { migrations }: TableCheckOptions,
): Finding {
  const { name } = needed
  const finding = `columns of ${name}`
  const missing = Object.entries(needed.columns).filter(
    ([column]) => !columns.some((one) => one.name === column),
  )
  const misfits = columns.filter(({ fits }) => fits === false)
  const strange = columns.filter(({ fits, mandatory }) => fits === null && mandatory)
  // Columns of ours that only have defaults (id, first_seen_at, status) are not among the needed ones.
  const faults = [
    ...missing.map(([column, type]) => `${column} ${type} is missing`),
    ...misfits.map(({ name: column, type }) => `${column} is ${type}, not ${needed.columns[column]}`),
    ...strange.map(({ name: column }) => `${column} is NOT NULL, and nothing writes it`),
  ]
  if (faults.length === 0) return ok(finding, `${Object.keys(needed.columns).length} of the right types`)
  const alterations = [
    ...missing.map(([column, type]) => `ADD COLUMN ${pg.escapeIdentifier(column)} ${type}`),
    ...misfits.map((column) => conversion(column, needed.columns[column.name] as string)),
    ...strange.map(({ name: column }) => `ALTER COLUMN ${pg.escapeIdentifier(column)} DROP NOT NULL`),
  ]
  const isForMigration = migrations.state !== 'applied' && missing.length === faults.length
  const mends: [Mend, ...Mend[]] = isForMigration
    ? migrating(migrations)
    : [sql(owner, ...alterations.map((one) => `ALTER TABLE ${name} ${one};`))]
  return failed(finding, faults.join('; '), ...mends)
}

/** Seconds since 1970 and times without a zone, which are taken for UTC, become points in time. */
function conversion({ name, type }: ColumnFacts, wanted: string): string {
  const column = pg.escapeIdentifier(name)
  const using =
    wanted === 'timestamptz' && /^(bigint|integer|numeric|double)/.test(type)
      ? `to_timestamp(${column})`
      : wanted === 'timestamptz' && type.startsWith('timestamp')
        ? `${column} AT TIME ZONE 'UTC'`
        : `${column}::${wanted}`
  return `ALTER COLUMN ${column} TYPE ${wanted} USING ${using}`
}

function isKey(needed: NeededTable, key: readonly string[] | null): boolean {
  return (
    key !== null && key.length === needed.key.length && needed.key.every((column) => key.includes(column))
  )
}

function keyFinding(needed: NeededTable, { indexes }: TableFacts): Finding {
  const { name } = needed
  const columns = needed.key.map((column) => pg.escapeIdentifier(column)).join(', ')
  const index = indexes.find(({ key }) => isKey(needed, key))
  const finding = `key of ${name}`
  if (index) return ok(finding, `${index.isPrimary ? 'primary key' : 'unique'} (${needed.key.join(', ')})`)
  const detail = `(${needed.key.join(', ')}) is not unique: nothing can be written`
  const constraint = indexes.some(({ isPrimary }) => isPrimary) ? 'UNIQUE' : 'PRIMARY KEY'
  return failed(finding, detail, sql(owner, `ALTER TABLE ${name} ADD ${constraint} (${columns});`))
}

/** Beside that of the key, an index on columns that change makes each update as dear as an insert (no HOT). */
function indexesFinding(needed: NeededTable, { indexes }: TableFacts): Finding {
  const { name } = needed
  const needless = indexes.filter(
    ({ key, columns }) => !isKey(needed, key) && columns.some((column) => !needed.key.includes(column)),
  )
  const finding = `indexes of ${name}`
  if (needless.length === 0) return ok(finding, 'none on columns that change')
  const drops = needless.map((index) =>
    index.constraint === null
      ? `DROP INDEX ${index.name};`
      : `ALTER TABLE ${name} DROP CONSTRAINT ${index.constraint};`,
  )
  const names = needless.map((index) => `${index.name} (${index.columns.join(', ')})`).join(', ')
  return warning(
    finding,
    `${names}: on columns that change, which makes updates dearer`,
    sql(owner, ...drops),
  )
}

function fillfactorFinding({ name }: NeededTable, { kind, fillfactor }: TableFacts): Finding {
  const finding = `fillfactor of ${name}`
  // A partitioned table has none of its own.
  if (fillfactor <= mostFillfactor || kind !== 'r') return ok(finding, String(fillfactor))
  const detail = `${fillfactor} leaves no room beside a row for its next version`
  return warning(finding, detail, sql(owner, `ALTER TABLE ${name} SET (fillfactor = 70);`))
}

async function rightsFinding(connection: Queryable, needed: NeededTable): Promise<Finding> {
  const finding = `rights on ${needed.name}`
  const fault = (await tableFaults(connection, needed)).find(({ kind }) => kind === 'rights')
  if (!fault) return ok(finding, needed.rights.join(', '))
  return failed(finding, `${fault.what}: ${fault.missing.join(', ')}`, sql(owner, `${fault.grant};`))
}
