import type { CatalogColumn, CatalogTable } from '#core/catalog.ts'
import type { ColumnType } from '#core/column-type.ts'
import { columnType, isIdentifying } from '#core/column-type.ts'
import { preview } from '#core/preview.ts'
import { similarName } from '#core/similar.ts'
import { hasRank } from '../version-rank.ts'
import { sourceFaults } from './source-faults.ts'
import type { ColumnSource, Mapping } from './mapping.ts'
import type { MemberFault, MemberPath } from './mapping-error.ts'
import type { PlannedColumn } from './planned-column.ts'

/** The columns that a mapping writes, in the table's order, and all that the table contradicts. */
export function planColumns(
  mapping: Mapping,
  catalog: CatalogTable,
): { readonly columns: readonly PlannedColumn[]; readonly faults: readonly MemberFault[] } {
  const columns = catalog.columns.flatMap((column) => plannedColumn(mapping, column))
  return {
    columns,
    faults: [
      ...unknownColumns(mapping, catalog),
      ...computedColumns(mapping, catalog),
      ...keyFaults(mapping, columns),
      ...versionFaults(mapping, columns),
      ...markFaults(mapping, columns),
      ...columns.flatMap((column) => sourceFaults(column, mapping.columns.has(column.name))),
      ...typeFaults(mapping, catalog),
    ],
  }
}

function plannedColumn(mapping: Mapping, column: CatalogColumn): PlannedColumn | [] {
  const { name, generated, hasDefault, isNullable } = column
  const part = mapping.key.includes(name) ? 'key' : mapping.version.includes(name) ? 'version' : undefined
  const isMark = mapping.delete?.column === name
  const isNeeded = part !== undefined || isMark
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
