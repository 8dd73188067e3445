import pg from 'pg'
import type { Advice } from '#core/advice.ts'
import { advice, command } from '#core/advice.ts'
import { shellWord } from '#core/fix.ts'
import type { TableOrigin } from '#core/pipeline.ts'
import type { NeededTable } from './needed-tables.ts'
import { quotedTable } from './identifier.ts'

/** The command that applies the migrations which create a table: the project's own or, with these, those of a module. */
export function migrateUp(origin: TableOrigin | undefined): string {
  return origin?.migrations === undefined ? 'migrate up' : `migrate up${chosen(origin)}`
}

/** The option that makes a command speak of the table's pipeline. */
export const chosen = (origin: TableOrigin | undefined) =>
  origin ? ` --pipeline ${shellWord(origin.module)}` : ''

/**
 * For a table that does not exist.
 *
 * @param who runs the command, where this is not the role that is configured
 */
export const creationAdvice = (needed: NeededTable, who?: string): Advice =>
  migrationAdvice('create it', needed, leastTable(needed), who)

/** For a table that lacks columns. */
export const additionAdvice = (needed: NeededTable, missing: readonly string[], who?: string): Advice =>
  migrationAdvice('bring it up to date', needed, additionOf(needed, missing), who)

/**
 * For a table of a user's module of which only the server's error shows that it does not fit. Undefined for the
 * project's own.
 *
 * @param code the error's SQLSTATE
 */
export function driftAdvice(needed: NeededTable, code: string | undefined): Advice | undefined {
  const { origin } = needed
  if (!origin) return undefined
  if (code === undefinedTable) return creationAdvice(needed)
  const { module, migrations } = origin
  return migrations === undefined
    ? advice`the table must match the pipeline in ${module}: undo the manual change; the least that it needs: ${leastTable(needed)}`
    : advice`the table must match the migrations in ${migrations}: run ${command(migrateUp(origin))}, or undo the manual change`
}

const undefinedTable = '42P01'

/** Migrations do nothing about a table that they do not create, or that was dropped after they had. */
function migrationAdvice(
  what: string,
  { origin, isSink }: NeededTable,
  statement: string,
  who?: string,
): Advice {
  if (origin && origin.migrations === undefined) return advice`${what}, as its owner: ${statement}`
  const up = command(migrateUp(origin))
  const how = who === undefined ? what : `${what}, ${who}`
  return isSink
    ? advice`${how}: ${up}; or, where that does not do it, as its owner: ${statement}`
    : advice`${how}: ${up}`
}

/** The least that a table needs. */
export function leastTable({ name, columns, key }: NeededTable): string {
  const all = Object.entries(columns).map(([column, type]) => `${pg.escapeIdentifier(column)} ${type}`)
  const primaryKey = `PRIMARY KEY (${key.map((column) => pg.escapeIdentifier(column)).join(', ')})`
  const members = key.length > 0 ? [...all, primaryKey] : all
  return `CREATE TABLE ${quotedTable(name)} (${members.join(', ')});`
}

function additionOf({ name, columns }: NeededTable, missing: readonly string[]): string {
  const added = missing.map((column) => `ADD COLUMN ${pg.escapeIdentifier(column)} ${columns[column]}`)
  return `ALTER TABLE ${quotedTable(name)} ${added.join(', ')};`
}
