import type { Advice, Problem } from '#core/advice.ts'
import { isIdentifying } from '#core/column-type.ts'
import { advice, command } from '#core/advice.ts'
import { shellWord } from '#core/fix.ts'
import { typeOf } from '#core/pipeline.ts'
import pg from 'pg'
import { encodingAdvice, encodingFault, isEncodingFit } from './encoding.ts'
import { bareName, identifier, tableIdentifier } from './identifier.ts'
import type { NeededTable } from './needed-tables.ts'
import { additionAdvice } from './table-advice.ts'
import type { ColumnShape, TableShape } from './table-shape.ts'

/** Why what is written to a table would not stay as it was given. */
export interface Unfitness {
  /** The part of the doctor's report that it belongs to. */
  readonly about: 'encoding' | 'table' | 'columns' | 'key' | 'triggers'
  /** Where it is about one. */
  readonly column?: string
  /** As in a sentence after the table's name. */
  readonly what: string
  /** SQL statements for the table's owner, without semicolons; empty where SQL alone does not help. */
  readonly fix: readonly string[]
  /** In words, where there is no statement. */
  readonly advice?: Advice
}

/**
 * One judgement for the start, the doctor and every write. What is missing altogether, a table, a column, a right, is
 * not its subject. Column types have to be the same: each other one cuts, rounds, orders or refuses some values.
 * But a pipeline's integers may be stored in a bigint, which takes and orders every one of them.
 */
export function unfitnessOf(needed: NeededTable, shape: TableShape): Unfitness[] {
  return [
    ...encodingUnfitness(shape),
    ...kindUnfitness(needed, shape),
    ...columnsUnfitness(needed, shape),
    ...keyUnfitness(needed, shape),
    ...(needed.hasNoTriggers ? triggersUnfitness(needed, shape) : rulesUnfitness(needed, shape)),
  ]
}

function encodingUnfitness({ encoding }: TableShape): Unfitness[] {
  if (isEncodingFit(encoding)) return []
  return [{ about: 'encoding', what: encodingFault(encoding), fix: [], advice: encodingAdvice }]
}

const otherKinds: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
}

function kindUnfitness({ name, isPartitioned = false }: NeededTable, shape: TableShape): Unfitness[] {
  const { kind, persistence, unfitPartitions } = shape
  const isTable = kind === 'r' || kind === 'p'
  if (!isTable || (isPartitioned && kind !== 'p')) {
    // Renamed, it makes room for the table, which the next report has the statement for.
    const fix = [`ALTER TABLE ${tableIdentifier(name)} RENAME TO ${identifier(`${bareName(name)}_before`)}`]
    const what = isTable ? 'not partitioned' : (otherKinds[kind] ?? 'not a regular table')
    return [{ about: 'table', what: `it is ${what}`, fix }]
  }
  if (persistence === 't') {
    const what = 'it is a temporary table that hides the real one'
    return [{ about: 'table', what, fix: [`DROP TABLE pg_temp.${identifier(bareName(name))}`] }]
  }
  if (persistence !== 'p') {
    const what = 'it is unlogged: a crash empties it, with all that was acked so far'
    return [{ about: 'table', what, fix: [`ALTER TABLE ${tableIdentifier(name)} SET LOGGED`] }]
  }
  return unfitPartitions.map((partition) => ({
    about: 'table',
    what: `its partition ${partition} does not survive a crash`,
    fix: [`ALTER TABLE ${partition} SET LOGGED`],
  }))
}

function columnsUnfitness(needed: NeededTable, shape: TableShape): Unfitness[] {
  return [
    ...neededColumnsUnfitness(needed, shape),
    ...keyTypesUnfitness(needed, shape),
    ...mandatoryUnfitness(needed, shape),
  ]
}

/**
 * Two spellings of one value would be two keys to the engine, and one to the table. (`citext` takes `A` and `a` for the same,
 * `interval` 24 hours and a day.)
 */
function keyTypesUnfitness({ columns, key }: NeededTable, shape: TableShape): Unfitness[] {
  return key.flatMap((column) => {
    const type = columns[column] ?? ''
    const found = shape.columns[column]
    if (!found || found.isText || isIdentifying(typeOf({ name: column, type }))) return []
    const what = `${column} is part of the key, and ${found.type} may have several spellings of one value`
    return [
      { about: 'columns', column, what, fix: [], advice: advice`use a key of other types, such as text` },
    ]
  })
}

/** A trigger may fill them; and where a needed column is missing, it may be one of these under another name. */
function mandatoryUnfitness(
  { name, columns, origin }: NeededTable,
  { mandatory, triggers, columns: found }: TableShape,
): Unfitness[] {
  const isAnyMissing = missingColumns({ columns }, { columns: found }).length > 0
  if (triggers.length > 0 || isAnyMissing) return []
  return mandatory.map((column) => ({
    about: 'columns',
    column,
    what: `${column} is NOT NULL, and nothing writes it`,
    fix: [`ALTER TABLE ${tableIdentifier(name)} ALTER COLUMN ${pg.escapeIdentifier(column)} DROP NOT NULL`],
    ...(origin?.isMapping ? { advice: advice`or give it a path in ${origin.module}` } : {}),
  }))
}

function neededColumnsUnfitness(
  { name, columns, origin, isSink = false }: NeededTable,
  shape: TableShape,
): Unfitness[] {
  // Until they are there nothing is read anew: theirs is the one statement that helps.
  const isAnyMissing = missingColumns({ columns }, shape).length > 0
  const change = (alter: string): Pick<Unfitness, 'fix' | 'advice'> =>
    origin?.isMapping
      ? {
          fix: [],
          advice: isAnyMissing
            ? advice`then the type of what is left is read anew`
            : advice`its type is read anew within seconds; where this stays, ${command(`check ${shellWord(origin.module)}`)} says why`,
        }
      : { fix: [alter] }
  return Object.entries(columns).flatMap(([column, wanted]): Unfitness[] => {
    const found = shape.columns[column]
    if (!found) return []
    const about = 'columns'
    const alter = `ALTER TABLE ${tableIdentifier(name)} ${alterationOf(column, found, wanted)}`
    if (found.generated)
      return [{ about, column, what: `${column} is generated, so it cannot be written`, fix: [alter] }]
    const isWider = isSink && widerThan.get(wanted)?.includes(found.type)
    return found.fits || isWider
      ? []
      : [{ about, column, what: `${column} is ${found.type}, not ${wanted}`, ...change(alter) }]
  })
}

/** Types that take and order every value of another. */
const widerThan: ReadonlyMap<string, readonly string[]> = new Map([
  ['smallint', ['integer', 'bigint']],
  ['integer', ['bigint']],
  ['text', ['character varying']],
  ['character varying', ['text']],
])

/** Seconds since 1970 and times without a zone, which are taken for UTC, become points in time. */
function alterationOf(column: string, { type, generated }: ColumnShape, wanted: string): string {
  const name = pg.escapeIdentifier(column)
  if (generated === 'a') return `ALTER COLUMN ${name} DROP IDENTITY`
  if (generated === 's') return `ALTER COLUMN ${name} DROP EXPRESSION`
  if (generated === 'v') return `DROP COLUMN ${name}, ADD COLUMN ${name} ${wanted}`
  return `ALTER COLUMN ${name} TYPE ${wanted} USING ${conversionOf(name, type, wanted)}`
}

function conversionOf(name: string, type: string, wanted: string): string {
  if (wanted !== 'timestamptz') return `${name}::${wanted}`
  if (/^(bigint|integer|numeric|double)/.test(type)) return `to_timestamp(${name})`
  if (/^(date|timestamp.*without)/.test(type)) return `${name}::timestamp AT TIME ZONE 'UTC'`
  return `${name}::${wanted}`
}

function keyUnfitness({ name, key }: NeededTable, { keys, kind }: TableShape): Unfitness[] {
  // What is not a table has another fault; where rows are appended none is looked for.
  if ((kind !== 'r' && kind !== 'p') || key.length === 0) return []
  const about = 'key'
  const columns = `(${key.join(', ')})`
  const unique = `ADD UNIQUE (${key.map((column) => pg.escapeIdentifier(column)).join(', ')})`
  if (keys.length === 0) {
    return [
      {
        about,
        what: `${columns} is not unique: nothing can be written`,
        fix: [`ALTER TABLE ${tableIdentifier(name)} ${unique}`],
      },
    ]
  }
  const deferrable = keys.find(({ immediate }) => !immediate)
  if (deferrable) {
    const what = `${columns} is unique only at the commit (DEFERRABLE): nothing can be written`
    return [
      {
        about,
        what,
        fix: [`ALTER TABLE ${tableIdentifier(name)} DROP CONSTRAINT ${deferrable.name}, ${unique}`],
      },
    ]
  }
  if (keys.every(({ deterministic }) => deterministic)) return []
  const what = `${columns} is unique under a nondeterministic collation, which takes different texts for one`
  return [
    {
      about,
      what,
      fix: [],
      advice: advice`recreate the key of ${tableIdentifier(name)} with text columns COLLATE "C"`,
    },
  ]
}

function rulesUnfitness({ name }: NeededTable, { rules }: TableShape): Unfitness[] {
  return rules
    .filter(({ discards }) => !discards)
    .map((rule) => ({
      about: 'triggers',
      what: `the rule ${rule.name} rewrites what is written: nothing can be written`,
      fix: [`DROP RULE ${rule.name} ON ${tableIdentifier(name)}`],
    }))
}

function triggersUnfitness({ name }: NeededTable, { triggers, rules }: TableShape): Unfitness[] {
  const table = tableIdentifier(name)
  const why = 'a row that it discards would be taken for one that was there before'
  return [
    ...triggers.map((trigger): Unfitness => {
      const fix = [`ALTER TABLE ${table} DISABLE TRIGGER ${trigger}`]
      return { about: 'triggers', what: `it must have no trigger ${trigger}: ${why}`, fix }
    }),
    ...rules.map((rule): Unfitness => {
      const fix = [`DROP RULE ${rule.name} ON ${table}`]
      return { about: 'triggers', what: `it must have no rule ${rule.name}: ${why}`, fix }
    }),
  ]
}

/** Those that are needed and not there. */
export function missingColumns(
  { columns }: Pick<NeededTable, 'columns'>,
  { columns: found }: Pick<TableShape, 'columns'>,
): string[] {
  return Object.keys(columns).filter((column) => !Object.hasOwn(found, column))
}

/** What keeps rows from being written to a table that is there: columns that are missing before what is unfit. */
export function problemOfShape(table: string, needed: NeededTable, shape: TableShape): Problem | undefined {
  const missing = missingColumns(needed, shape)
  const unfit = unfitnessOf(needed, shape)
  if (missing.length === 0) return unfit.length === 0 ? undefined : problemOf(table, unfit)
  const first: Unfitness = {
    about: 'columns',
    what: `it has no column ${missing.join(', ')}`,
    fix: [],
    advice: additionAdvice(needed, missing),
  }
  return problemOf(table, [first, ...unfit])
}

/** All of it in one line about the table, and what to do. */
export function problemOf(table: string, unfit: readonly Unfitness[]): Problem {
  const what = unfit.map((one) => one.what).join('; ')
  const statements = unfit.flatMap(({ fix }) => fix.map((one) => `${one};`)).join(' ')
  const fixes = [
    ...(statements === '' ? [] : [advice`as its owner: ${statements}`]),
    ...unfit.flatMap((one) => one.advice ?? []),
  ]
  return { message: `${table}: ${what}`, fixes }
}
