// What the type of a column says about the options that a mapping gives it.

import type { ColumnType } from '#core/column-type.ts'
import { ValueFault } from '../values/value-codec.ts'
import { constantReader } from './constant.ts'
import { valueReader } from './value-reader.ts'
import type { MemberFault, MemberPath } from './mapping-error.ts'
import { isFieldPath } from './path.ts'
import type { PlannedColumn } from './planned-column.ts'
import { whyNotNull } from './planned-column.ts'
import type { Constant, Path, ValuePath } from './mapping.ts'

/** @param isNamed whether the file names it: else there is only the place of all columns */
export function sourceFaults(column: PlannedColumn, isNamed: boolean): MemberFault[] {
  const { name, source, part, isNullable } = column
  const member = isNamed ? ['columns', name] : ['columns']
  if (source.kind === 'value') return constantFaults(column, source.value, [...member, 'value'])
  const { paths, missing } = source
  const optional = [...member, ...(paths.length > 1 ? [paths.length - 1] : []), 'optional']
  const faults = paths.flatMap((path, at) =>
    pathFaults(column, path, paths.length > 1 ? [...member, at] : member),
  )
  // Of one that is added up the file alone tells.
  if (missing === 'null' && part !== undefined && part !== 'sum')
    faults.push({
      path: optional,
      what: `${name} is part of the ${part}, and never NULL`,
      fix: 'leave it out',
    })
  else if (missing === 'null' && !isNullable && part !== 'sum')
    faults.push({
      path: optional,
      what: `${name} is NOT NULL in the table`,
      fix: 'give it a default instead',
    })
  if (typeof missing === 'object')
    faults.push(...constantFaults(column, missing, [...optional.slice(0, -1), 'default']))
  return faults
}

function pathFaults(column: PlannedColumn, given: ValuePath, member: MemberPath): MemberFault[] {
  const { name, readAs: type, typeName } = column
  const isTime = type.name === 'timestamptz' || type.name === 'timestamp'
  const isBinary = type.name === 'bytea' || texts.has(type.name)
  const fault = (option: string, what: string, fix: string): MemberFault => ({
    path: [...member, option],
    what,
    fix,
  })
  return [
    ...(given.unit !== undefined && !isTime
      ? [fault('unit', `is for times, and ${name} is ${typeName}`, 'leave it out')]
      : []),
    ...(given.unit !== undefined && type.name === 'timestamp' && given.timezone === undefined
      ? [
          fault(
            'unit',
            `counts to a moment, and ${name} is ${typeName}, which shows a clock`,
            'say whose with timezone: UTC',
          ),
        ]
      : []),
    ...(given.unit !== undefined && type.name === 'timestamptz' && given.timezone !== undefined
      ? [
          fault(
            'timezone',
            `changes nothing: what ${given.unit} since 1970 count is the same in all zones`,
            'leave it out',
          ),
        ]
      : []),
    ...(given.timezone !== undefined && !isTime
      ? [fault('timezone', `is for times, and ${name} is ${typeName}`, 'leave it out')]
      : []),
    ...(given.encoding !== undefined && !isBinary
      ? [fault('encoding', `is for bytea and texts, and ${name} is ${typeName}`, 'leave it out')]
      : []),
    ...metadataFaults(name, type, typeName, given, member),
  ]
}

const texts: ReadonlySet<string> = new Set(['text', 'character varying', 'character', 'bpchar'])
const documents: ReadonlySet<string> = new Set(['json', 'jsonb'])

const fixOfMetadata = {
  data: 'it fits bytea, jsonb, json and text',
  publishTime: 'it fits timestamptz and text',
  text: 'it is one text',
} as const

function metadataFaults(
  name: string,
  type: ColumnType,
  typeName: string,
  { path, timezone }: ValuePath,
  member: MemberPath,
): MemberFault[] {
  const isTime = type.name === 'timestamptz' || (type.name === 'timestamp' && timezone !== undefined)
  if (isFieldPath(path)) return []
  const fits = (): boolean => {
    if (type.isArray) return false
    if (path.from === 'publishTime') return isTime || texts.has(type.name)
    if (path.from !== 'data') return true
    return type.name === 'bytea' || texts.has(type.name) || documents.has(type.name)
  }
  if (fits()) return []
  const fix = fixOfMetadata[path.from === 'data' || path.from === 'publishTime' ? path.from : 'text']
  return [
    {
      path: [...member, 'path'],
      what: `${metadataText(path)} does not fit ${name}, which is ${typeName}`,
      fix,
    },
  ]
}

const metadataText = ({ from }: Path) => `$${from}`

/** A constant is read as a value of a message would be. */
function constantFaults(column: PlannedColumn, constant: Constant, member: MemberPath): MemberFault[] {
  const { name } = column
  const value = constantReader(constant, valueReader(column))
  if (value instanceof ValueFault)
    return [{ path: member, what: value.what, fix: `${name} is ${column.typeName}` }]
  const why = whyNotNull(column)
  if (value !== null || why === undefined) return []
  return [{ path: member, what: 'is null', fix: `${name} is ${why}` }]
}
