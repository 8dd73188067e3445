import pg from 'pg'
import type { Finding } from '#core/finding.ts'
import { failed, ok, skippedAll, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { asOwner, ingester, sql } from '#core/fix.ts'
import type { TableOrigin } from '#core/pipeline.ts'
import { tableIdentifier } from '../identifier.ts'
import { creationOf } from '../migrations.ts'
import type { NeededTable } from '../needed-tables.ts'
import type { Queryable } from '../queryable.ts'
import { tableFaults } from '../start-check.ts'
import { chosen, leastTable, migrateUp } from '../table-advice.ts'
import type { TableFacts } from './table-facts.ts'
import { hiddenIn, tableFacts } from './table-facts.ts'
import type { Unfitness } from '../table-fitness.ts'
import { unfitnessOf } from '../table-fitness.ts'
import type { TableShape } from '../table-shape.ts'
import { readShape } from '../table-shape.ts'

export const owner = "the table's owner"

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
  `triggers on ${table}`,
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
  const shape = await readShape(connection, needed)
  if (!facts || !shape) {
    return [
      await absence(connection, there, needed, options),
      ...skippedAll(others, `there is no ${needed.name}`),
    ]
  }
  const unfit = Object.groupBy(unfitnessOf(needed, shape), ({ about }) => about)
  return [
    unfitFinding(there, unfit.table) ?? kindFinding(there, shape),
    columnsFinding(needed, facts, unfit.columns ?? [], options),
    unfitFinding(`key of ${needed.name}`, unfit.key) ?? keyFinding(needed, facts),
    unfitFinding(`triggers on ${needed.name}`, unfit.triggers) ?? triggersFinding(needed, shape),
    ...(options.isSink ? [indexesFinding(needed, facts), fillfactorFinding(needed, facts)] : []),
    await rightsFinding(connection, needed),
  ]
}

async function absence(
  connection: Queryable,
  finding: string,
  needed: NeededTable,
  { migrationsDir, migrations, isSink }: TableCheckOptions,
): Promise<Finding> {
  const { name, origin } = needed
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
  const creation = await creationOf(name, migrationsDir)
  // A table of others than ours.
  if (
    creation === undefined &&
    isSink &&
    (origin?.migrations === undefined || migrations.state === 'applied')
  )
    return failed(finding, 'it does not exist', sql("the other tables' owner", leastTable(needed)))
  if (creation === undefined || migrations.state !== 'applied')
    return failed(finding, 'it does not exist', ...migrating(migrations, origin))
  const detail = 'it does not exist, although its migration was applied: it was dropped by hand'
  return failed(finding, detail, sql("the other tables' owner", ...creation.split('\n')))
}

/** The owner's doctor sees whether a migration is pending or something was dropped by hand. */
export function migrating(
  { state, mayMigrate }: Migrations,
  origin: TableOrigin | undefined,
): [Fix, ...Fix[]] {
  const up = migrateUp(origin)
  if (state === 'unknown') return [asOwner(up), asOwner(`doctor${chosen(origin)}`)]
  return [(mayMigrate ? ingester : asOwner)(up)]
}

/** Undefined where there is nothing to find fault with. */
function unfitFinding(finding: string, unfit: readonly Unfitness[] = []): Finding | undefined {
  if (unfit.length === 0) return undefined
  const statements = unfit.flatMap(({ fix }) => fix.map((statement) => `${statement};`))
  const advice = unfit.flatMap((one) => one.advice ?? [])
  const [first, ...others] = [...(statements.length > 0 ? [sql(owner, ...statements)] : []), ...advice]
  const detail = unfit.map(({ what }) => what).join('; ')
  return first ? failed(finding, detail, first, ...others) : undefined
}

function kindFinding(finding: string, { kind }: TableShape): Finding {
  return ok(finding, kind === 'r' ? 'a regular table' : 'partitioned')
}

function columnsFinding(
  needed: NeededTable,
  { columns }: TableFacts,
  unfit: readonly Unfitness[],
  { migrations }: TableCheckOptions,
): Finding {
  const { name } = needed
  const missing = Object.entries(needed.columns).filter(
    ([column]) => !columns.some((one) => one.name === column),
  )
  const finding = `columns of ${name}`
  const faults: Unfitness[] = [
    ...missing.map(([column, type]) =>
      columnFault(name, column, `${column} ${type} is missing`, `ADD COLUMN ? ${type}`),
    ),
    ...unfit,
  ]
  const isForMigration = migrations.state !== 'applied' && missing.length === faults.length
  if (missing.length > 0 && isForMigration) {
    return failed(finding, faults.map(({ what }) => what).join('; '), ...migrating(migrations, needed.origin))
  }
  return (
    unfitFinding(finding, faults) ?? ok(finding, `${Object.keys(needed.columns).length} of the right types`)
  )
}

function columnFault(table: string, column: string, what: string, alteration: string): Unfitness {
  const fix = `ALTER TABLE ${tableIdentifier(table)} ${alteration.replace('?', () => pg.escapeIdentifier(column))}`
  return { about: 'columns', what, fix: [fix] }
}

/** Each batch is written in a transaction that checks its rows: slower, but as safe. */
export function triggersFinding({ name }: NeededTable, { triggers, rules }: TableShape): Finding {
  const finding = `triggers on ${name}`
  if (triggers.length === 0 && rules.length === 0) return ok(finding, 'none that fires on what is written')
  const detail = `${[...triggers, ...rules.map((rule) => rule.name)].join(', ')}: rows are looked for after each write, which costs three more round trips; discarded rows are not acked`
  const fixes = [
    ...triggers.map((trigger) => `ALTER TABLE ${tableIdentifier(name)} DISABLE TRIGGER ${trigger};`),
    ...rules.map((rule) => `DROP RULE ${rule.name} ON ${tableIdentifier(name)};`),
  ]
  return warning(finding, detail, sql(`${owner}, if they are not needed`, ...fixes))
}

function isKey(needed: NeededTable, key: readonly string[] | null): boolean {
  return (
    key !== null && key.length === needed.key.length && needed.key.every((column) => key.includes(column))
  )
}

function keyFinding(needed: NeededTable, { indexes }: TableFacts): Finding {
  if (needed.key.length === 0) return ok(`key of ${needed.name}`, 'none needed: rows are only appended')
  const isPrimary = indexes.some((index) => index.isPrimary && isKey(needed, index.key))
  return ok(`key of ${needed.name}`, `${isPrimary ? 'primary key' : 'unique'} (${needed.key.join(', ')})`)
}

/** Beside that of the key, an index on columns that change makes each update as dear as an insert (no HOT). */
function indexesFinding(needed: NeededTable, { indexes }: TableFacts): Finding {
  const { name } = needed
  if (needed.key.length === 0) return ok(`indexes of ${name}`, 'rows are only appended')
  const needless = indexes.filter(
    ({ key, columns }) => !isKey(needed, key) && columns.some((column) => !needed.key.includes(column)),
  )
  const finding = `indexes of ${name}`
  if (needless.length === 0) return ok(finding, 'none on columns that change')
  const drops = needless.map((index) =>
    index.constraint === null
      ? `DROP INDEX ${index.name};`
      : `ALTER TABLE ${tableIdentifier(name)} DROP CONSTRAINT ${index.constraint};`,
  )
  const names = needless.map((index) => `${index.name} (${index.columns.join(', ')})`).join(', ')
  return warning(finding, `${names}: on columns that change, which slows updates down`, sql(owner, ...drops))
}

function fillfactorFinding({ name, key }: NeededTable, { kind, fillfactor }: TableFacts): Finding {
  const finding = `fillfactor of ${name}`
  // A partitioned table has none of its own, and rows that are only appended need none.
  if (fillfactor <= mostFillfactor || kind !== 'r' || key.length === 0) return ok(finding, String(fillfactor))
  const detail = `${fillfactor} leaves no room beside a row for its next version`
  return warning(finding, detail, sql(owner, `ALTER TABLE ${tableIdentifier(name)} SET (fillfactor = 70);`))
}

async function rightsFinding(connection: Queryable, needed: NeededTable): Promise<Finding> {
  const finding = `rights on ${needed.name}`
  const fault = (await tableFaults(connection, needed)).find(({ kind }) => kind === 'rights')
  if (!fault) return ok(finding, needed.rights.join(', '))
  return failed(finding, `${fault.what}: ${fault.missing.join(', ')}`, sql(owner, `${fault.grant};`))
}
