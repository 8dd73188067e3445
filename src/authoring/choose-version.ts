import { advice } from '#core/advice.ts'
import type { CatalogColumn, CatalogTable } from '#core/catalog.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { typeOf } from '#core/pipeline.ts'
import { hasRank } from '#pipeline/version-rank.ts'
import { identifier, tableIdentifier } from '#postgres/identifier.ts'
import type { Choice } from './choose-key.ts'
import { memberPath } from './member-path.ts'
import { shortType } from './initial-columns.ts'
import { versionRank, versionReasons } from './version-names.ts'

/** Columns whose values have an order: times and integers, outside of the key. */
export function versionCandidates(
  { columns }: CatalogTable,
  key: readonly string[],
): readonly CatalogColumn[] {
  return columns.filter(
    (one) =>
      one.generated === 'never' &&
      !key.includes(one.name) &&
      hasRank(one) &&
      memberPath(one.name) !== undefined,
  )
}

/**
 * The column that looks most like one that tells newer rows from older ones: one that is NOT NULL first, then by its name.
 * What says when a row was created is the last resort, since a change need not change it. Undefined where none looks like it.
 */
export function likelyVersion(candidates: readonly CatalogColumn[]): Choice | undefined {
  const ranked = candidates
    .map((column) => ({ column, rank: versionRank(column.name, typeOf(column).name) }))
    .filter((one): one is { column: CatalogColumn; rank: number } => one.rank !== undefined)
    .sort((a, b) => order(a) - order(b))
  const [first, ...others] = ranked
  if (!first) return undefined
  const { name, isNullable } = first.column
  return {
    columns: [name],
    reason: `${versionReasons[first.rank]} (${shortType(first.column)}${isNullable ? '' : ' NOT NULL'})`,
    others: others.map(({ column }) => column.name),
  }
}

function order({ column, rank }: { readonly column: CatalogColumn; readonly rank: number }): number {
  const isLast = rank === versionReasons.length - 1
  return (isLast ? 100 : 0) + (column.isNullable ? 10 : 0) + rank
}

/** @throws ConfigurationError where the columns cannot order rows */
export function wantedVersion(
  table: string,
  catalog: CatalogTable,
  key: readonly string[],
  wanted: readonly string[],
): Choice {
  const candidates = versionCandidates(catalog, key)
  for (const [at, name] of wanted.entries()) {
    const problem = versionProblem(name, {
      table,
      catalog,
      key,
      candidates,
      isLast: at > 0 && at === wanted.length - 1,
    })
    if (problem !== undefined)
      throw new ConfigurationError(`--version: ${problem}`, { fixes: [choiceAdvice(table, candidates)] })
  }
  const others = candidates.map(({ name }) => name).filter((name) => !wanted.includes(name))
  return { columns: wanted, reason: 'as given by --version', others }
}

interface Circumstances {
  readonly table: string
  readonly catalog: CatalogTable
  readonly key: readonly string[]
  readonly candidates: readonly CatalogColumn[]
  /** Of several. */
  readonly isLast: boolean
}

function versionProblem(
  name: string,
  { table, catalog, key, candidates, isLast }: Circumstances,
): string | undefined {
  const found = catalog.columns.find((one) => one.name === name)
  if (!found) return `${table} has no column ${name}`
  if (key.includes(name)) return `${name} is part of the key`
  if (found.generated !== 'never') return `${name} is generated, so no message can give it`
  const isText = isLast && found.type === 'text'
  return candidates.includes(found) || isText
    ? undefined
    : `${name} is ${shortType(found)}, and must be a timestamptz, bigint, integer or smallint`
}

/** @returns what to tell who has to say which column it is, where none can be asked */
export function noVersion(table: string, catalog: CatalogTable, key: readonly string[]): ConfigurationError {
  const candidates = versionCandidates(catalog, key)
  const what =
    candidates.length === 0
      ? 'has no column that can tell newer rows from older ones: a timestamptz, bigint, integer or smallint outside of the key'
      : 'has no column whose name says that it tells newer rows from older ones'
  return new ConfigurationError(`${table} ${what}`, {
    fixes: [...zonelessAdvice(table, catalog), choiceAdvice(table, candidates), otherModes],
  })
}

/** Then there is none to look for. */
const otherModes = advice`where each record becomes a row, --mode append; where records are added up, --mode sum`

function choiceAdvice(table: string, candidates: readonly CatalogColumn[]) {
  if (candidates.length === 0)
    return advice`add one, for example: ALTER TABLE ${tableIdentifier(table)} ADD COLUMN updated_at timestamptz;`
  const listed = candidates.map((one) => `${one.name} (${shortType(one)})`).join(', ')
  return advice`name one with --version: ${listed}`
}

/** A time without a zone looks like a version, and has no order that a message could be compared by. */
function zonelessAdvice(table: string, { columns }: CatalogTable) {
  return columns
    .filter((one) => typeOf(one).name === 'timestamp' && versionRank(one.name, 'timestamptz') === 0)
    .slice(0, 1)
    .map((one) => {
      const column = identifier(one.name)
      return advice`${one.name} is ${shortType(one)}: ALTER TABLE ${tableIdentifier(table)} ALTER COLUMN ${column} TYPE timestamptz USING ${column} AT TIME ZONE 'UTC'`
    })
}
