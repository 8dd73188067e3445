import type { CatalogColumn, CatalogTable } from '#core/catalog.ts'
import type { ColumnType } from '#core/column-type.ts'
import { columnType, isIdentifying, isSummable } from '#core/column-type.ts'
import { preview } from '#core/preview.ts'
import { similarName } from '#core/similar.ts'
import { hasRank } from '../version-rank.ts'
import { sourceFaults } from './source-faults.ts'
import type { ColumnSource, Mapping } from './mapping.ts'
import type { MemberFault, MemberPath } from './mapping-error.ts'
import type { PlannedColumn } from './planned-column.ts'
import { partIn } from './planned-column.ts'

/** The columns that a mapping writes, in the table's order, and all that the table contradicts. */
export function planColumns(
  mapping: Mapping,
  catalog: CatalogTable,
): { readonly columns: readonly PlannedColumn[]; readonly faults: readonly MemberFault[] } {
  const columns = catalog.columns.flatMap((column) => plannedColumn(mapping, column))
  const faults = [
    ...unknownColumns(mapping, catalog),
    ...computedColumns(mapping, catalog),
    ...keyFaults(mapping, columns),
    ...versionFaults(mapping, columns),
    ...markFaults(mapping, columns),
    ...columns.flatMap((column) => sourceFaults(column, mapping.columns.has(column.name))),
    ...sumFaults(mapping, columns, catalog),
    ...typeFaults(mapping, catalog),
  ]
  // Where there are others, it may be one of these columns that is meant.
  return { columns, faults: faults.length > 0 ? faults : emptyFaults(mapping, columns, catalog) }
}

function emptyFaults(
  mapping: Mapping,
  columns: readonly PlannedColumn[],
  catalog: CatalogTable,
): MemberFault[] {
  if (mapping.mode === 'sum') return columns.some(isSummed) ? [] : [nothingSummed(mapping, catalog)]
  return columns.length > 0
    ? []
    : [{ path: ['columns'], what: 'no column is written', fix: 'name at least one' }]
}

const isSummed = ({ part }: PlannedColumn) => part === 'sum'

function plannedColumn(mapping: Mapping, column: CatalogColumn): PlannedColumn | [] {
  const { name, generated, hasDefault, isNullable } = column
  const part = partIn(mapping, name)
  const isMark = mapping.delete?.column === name
  const isNeeded = part === 'key' || part === 'version' || isMark
  const named = mapping.columns.get(name)
  // No mapping may name `__proto__`.
  const isTaken = mapping.takesOthers && generated === 'never' && !hasDefault && name !== '__proto__'
  const source = named ?? (isNeeded || isTaken ? ownField(name) : undefined)
  const type = columnType(column.type)
  if (source === undefined || source.kind === 'skip' || generated !== 'never' || !type) return []
  const readAs = columnType(column.domainOf ?? '') ?? type
  const base = { name, type, readAs, typeName: column.type, isNullable, isMark, source }
  return part === undefined ? base : { ...base, part }
}

/** The message's field of the column's own name. */
function ownField(name: string): ColumnSource {
  return {
    kind: 'paths',
    paths: [{ path: { from: 'element', segments: [name] } }],
    missing: 'rejected',
  }
}

/** One column alone may be written without a list. */
function partPath(part: 'key' | 'version', names: readonly string[], at: number): MemberPath {
  return names.length > 1 ? [part, at] : [part]
}

function unknownColumns(
  { key, version, columns, delete: deletes }: Mapping,
  catalog: CatalogTable,
): MemberFault[] {
  const known = catalog.columns.map(({ name }) => name)
  const fault = (member: MemberPath, name: string): MemberFault[] => {
    if (known.includes(name)) return []
    const meant = known.length > 0 ? similarName(name, known) : undefined
    const fix = meant === undefined ? `it has ${known.join(', ')}` : `did you mean ${meant}?`
    return [{ path: member, what: `the table has no column ${preview(name)}`, fix }]
  }
  return [
    ...key.flatMap((name, at) => fault(partPath('key', key, at), name)),
    ...version.flatMap((name, at) => fault(partPath('version', version, at), name)),
    ...[...columns.keys()].flatMap((name) => fault(['columns', name], name)),
    ...(deletes?.column === undefined ? [] : fault(['delete', 'mode', 'column'], deletes.column)),
  ]
}

/** Such a column cannot be written, and needs no mention. */
function computedColumns(
  { key, version, columns, delete: deletes }: Mapping,
  catalog: CatalogTable,
): MemberFault[] {
  return catalog.columns.flatMap(({ name, generated }): MemberFault[] => {
    if (generated === 'never') return []
    const what =
      generated === 'identity'
        ? `the database numbers ${name} itself (GENERATED ALWAYS AS IDENTITY)`
        : `the database computes ${name} from other columns`
    const part = key.includes(name) ? 'key' : version.includes(name) ? 'version' : undefined
    if (part !== undefined)
      return [
        {
          path: [part],
          what,
          fix: (part === 'key' && otherKey(catalog)) || `take a ${part} of columns that the messages have`,
        },
      ]
    const isNamed = (columns.get(name)?.kind ?? 'skip') !== 'skip'
    if (!isNamed && deletes?.column !== name) return []
    return [{ path: ['columns', name], what, fix: 'take it out' }]
  })
}

/** To take a unique index instead, of columns that are written. */
function otherKey({ columns, keys }: CatalogTable): string | undefined {
  const isWritten = (name: string) => columns.find((one) => one.name === name)?.generated === 'never'
  const found = keys.find((key) => key.columns.every(isWritten))
  return found && `take another key, such as ${found.columns.join(', ')}, which is unique, too`
}

function keyFaults({ key }: Mapping, columns: readonly PlannedColumn[]): MemberFault[] {
  return key.flatMap((name, at): MemberFault[] => {
    const column = columns.find((one) => one.name === name)
    if (!column || !column.type.isArray) return []
    // Whether an enum, a domain or another type can be part of a key is the database's to say.
    const what = `${name} is ${column.typeName}, and an array cannot be part of a key`
    return isIdentifying(column.type)
      ? []
      : [{ path: partPath('key', key, at), what, fix: 'take a key of other columns' }]
  })
}

function versionFaults(
  { version, delete: deletes }: Mapping,
  columns: readonly PlannedColumn[],
): MemberFault[] {
  return version.flatMap((name, at): MemberFault[] => {
    const column = columns.find((one) => one.name === name)
    if (!column || hasRank({ name, type: column.typeName })) return []
    const isLast = at > 0 && at === version.length - 1
    const isText = column.type.name === 'text' && !column.type.isArray
    if (isLast && isText && !deletes) return []
    const types = 'smallint, integer, bigint or timestamptz'
    const what = `${name} is ${column.typeName}, and a version must be ${types}`
    if (isLast && isText)
      return [
        {
          path: partPath('version', version, at),
          what: `${what}: where messages delete, no text decides`,
          fix: 'leave it out',
        },
      ]
    return [{ path: partPath('version', version, at), what, fix: fixOfVersion(column.type, name) }]
  })
}

function fixOfVersion({ name }: ColumnType, column: string): string {
  if (name === 'timestamp' || name === 'date')
    return `ALTER TABLE … ALTER COLUMN ${column} TYPE timestamptz USING ${column} AT TIME ZONE 'UTC', or take another column`
  return 'take another column; a text may only stand at the end of several'
}

const summableTypes = 'smallint, integer, bigint and numeric'

function sumFaults(
  mapping: Mapping,
  columns: readonly PlannedColumn[],
  catalog: CatalogTable,
): MemberFault[] {
  const hasDefault = (name: string) => catalog.columns.find((one) => one.name === name)?.hasDefault === true

  return columns
    .filter((column) => isSummed(column) && !isSummable(column.type))
    .map((column) => ({
      path: mapping.columns.has(column.name) ? ['columns', column.name] : ['columns'],
      what: `${column.name} is ${column.typeName}, and only ${summableTypes} are added up, since only they have exact sums`,
      fix: fixOfSum(column, hasDefault(column.name)),
    }))
}

function fixOfSum({ name, type, isNullable }: PlannedColumn, hasDefault: boolean): string {
  if (!type.isArray && /^(?:real|double precision|money)$/.test(type.name))
    return `ALTER TABLE … ALTER COLUMN ${name} TYPE numeric, or leave it alone with skip: true`
  if (!isNullable && !hasDefault)
    return 'make it part of the key, or give it a default in the table and leave it alone with skip: true'
  return 'leave it alone with skip: true (or all that are not named, with others: skip), or make it part of the key'
}

function nothingSummed({ key }: Mapping, { columns }: CatalogTable): MemberFault {
  const possible = columns
    .filter(({ name, type, generated }) => {
      const known = columnType(type)
      return !key.includes(name) && generated === 'never' && known !== undefined && isSummable(known)
    })
    .map(({ name }) => name)
  const fix =
    possible.length === 0
      ? `the table needs a column beside the key that is one of ${summableTypes}`
      : `name what is added up: ${possible.join(', ')} (a column with a default is left alone unless it is named)`
  return { path: ['columns'], what: 'no column is added up', fix }
}

function markFaults({ delete: deletes }: Mapping, columns: readonly PlannedColumn[]): MemberFault[] {
  const mark = columns.find(({ isMark }) => isMark)
  if (!deletes || !mark || mark.isNullable) return []
  const what = `${mark.name} is NOT NULL, but marks rows that are gone: in all others it must be NULL`
  return [
    {
      path: ['delete', 'mode', 'column'],
      what,
      fix: `ALTER TABLE … ALTER COLUMN ${mark.name} DROP NOT NULL`,
    },
  ]
}

/** A column whose type's name cannot be read here is refused where it is named. */
function typeFaults(mapping: Mapping, catalog: CatalogTable): MemberFault[] {
  return catalog.columns
    .filter(({ name, type }) => mapping.columns.has(name) && columnType(type) === undefined)
    .map(({ name, type }) => ({
      path: ['columns', name],
      what: `${name} is ${type}, which mappings cannot write`,
      fix: 'leave the column alone with skip: true',
    }))
}
