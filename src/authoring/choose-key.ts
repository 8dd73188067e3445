import { advice } from '#core/advice.ts'
import type { CatalogColumn, CatalogKey, CatalogTable } from '#core/catalog.ts'
import { isIdentifying } from '#core/column-type.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { typeOf } from '#core/pipeline.ts'
import { identifier, tableIdentifier } from '#postgres/identifier.ts'

/** A key of the table, and why messages cannot name rows by it, where they cannot. */
export interface JudgedKey extends CatalogKey {
  readonly problem?: string
}

/** Columns that were picked, and why, as in a sentence after them. */
export interface Choice {
  readonly columns: readonly string[]
  readonly reason: string
  /** Those that could have been picked as well. */
  readonly others: readonly string[]
}

/**
 * The columns that identify a row: those that are wanted, else the first key that can be used.
 *
 * @throws ConfigurationError with the statement that adds one
 */
export function chooseKey(
  table: string,
  catalog: CatalogTable,
  keys: readonly JudgedKey[],
  wanted?: readonly string[],
): Choice {
  if (wanted) return wantedKey(table, catalog, keys, wanted)
  const usable = keys.filter(({ problem }) => problem === undefined)
  const [chosen, ...others] = usable
  if (!chosen) throw noKey(table, catalog, keys)
  const primary = keys.find(({ isPrimary }) => isPrimary)
  return { columns: chosen.columns, reason: reasonOf(chosen, primary), others: others.map(listed) }
}

function reasonOf(chosen: JudgedKey, primary: JudgedKey | undefined): string {
  if (chosen.isPrimary) return 'the primary key'
  if (!primary) return 'the smallest unique index, since the table has no primary key'
  return `the smallest unique index; the primary key ${listed(primary)} cannot be used: ${primary.problem}`
}

function wantedKey(
  table: string,
  { columns }: CatalogTable,
  keys: readonly JudgedKey[],
  wanted: readonly string[],
): Choice {
  for (const name of wanted) {
    if (!columns.some((one) => one.name === name))
      throw new ConfigurationError(`--key: ${table} has no column ${name}`, {
        fixes: [advice`it has ${columns.map((one) => one.name).join(', ')}`],
      })
  }
  const sorted = [...wanted].sort().join('\0')
  const found = keys.find((key) => [...key.columns].sort().join('\0') === sorted)
  const add = advice`add it: ALTER TABLE ${tableIdentifier(table)} ADD UNIQUE (${wanted.map(identifier).join(', ')});`
  if (!found)
    throw new ConfigurationError(`--key: ${table} has no unique index on ${listed({ columns: wanted })}`, {
      fixes: [add],
    })
  if (found.problem !== undefined) throw new ConfigurationError(`--key: ${found.problem}`)
  const others = keys.filter((key) => key !== found && key.problem === undefined)
  return { columns: wanted, reason: 'as given by --key', others: others.map(listed) }
}

function noKey(table: string, { columns }: CatalogTable, keys: readonly JudgedKey[]): ConfigurationError {
  const why = keys.map((key) => `; ${listed(key)}: ${key.problem}`).join('')
  const suggested = likelyKey(table, columns)
  const fix = suggested
    ? advice`add one, for example: ALTER TABLE ${tableIdentifier(table)} ADD UNIQUE (${identifier(suggested)});`
    : advice`add a column that identifies a row, and a primary key on it`
  const what = keys.length === 0 ? 'no unique index' : 'no unique index that messages could name rows by'
  return new ConfigurationError(`${table} has ${what}${why}`, { fixes: [keyless, fix] })
}

const keyless = advice`--mode append (a row for each record) needs none`

/** A column that may be meant to identify a row. */
function likelyKey(table: string, columns: readonly CatalogColumn[]): string | undefined {
  const possible = columns.filter((one) => one.generated === 'never' && isIdentifying(typeOf(one)))
  const singular = table.replace(/^.*\./, '').replace(/s$/, '').toLowerCase()
  const first = (test: (name: string) => boolean) =>
    possible.find(({ name }) => test(name.toLowerCase()))?.name
  return (
    first((name) => name === 'id' || name === `${singular}_id`) ??
    first((name) => /^(uuid|guid|key|code)$|_?id$/.test(name)) ??
    possible.find(({ isNullable }) => !isNullable)?.name ??
    possible[0]?.name
  )
}

function listed({ columns }: Pick<CatalogKey, 'columns'>): string {
  return `(${columns.join(', ')})`
}
