import { badValue, decoderError } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import { isIgnored } from '#core/ignored.ts'
import type { DecodeLimits, Decoded, DecodedRow, PostgresTable, Scalar, TableMode } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import type { ColumnDefinition, NewestTableDefinition, TableDefinition } from './make-pipeline.ts'
import { MessageView } from './message-view.ts'
import { codecOf } from './values/column-codec.ts'
import { secondsCodec } from './values/unix-seconds.ts'
import { ValueFault, outOfRange, shown } from './values/value-codec.ts'
import { guardRankReader, latestVersionMicros } from './version-rank.ts'

/** The reason of rejections whose own was not declared: each would be one more series of a metric. */
export const undeclared = 'undeclared-reason'

/** The values of a row, read once when it was decoded: what comes later runs no code of the module. */
export class CheckedRow {
  /** As they travel to the database, one a column. */
  readonly values: readonly Scalar[]
  /** The message says that there is no such row any more: of its values only those of key, version and mark count. */
  readonly isGone: boolean

  constructor(values: readonly Scalar[], isGone: boolean) {
    this.values = values
    this.isGone = isGone
  }
}

interface Checked {
  readonly decode: (delivery: Delivery, limits: DecodeLimits) => Decoded<CheckedRow>
  readonly table: PostgresTable<CheckedRow>
}

/**
 * The decoder of a module, and its table, so that a row is what its columns promise. What is not would get into other
 * rows, or hold them up: an array becomes several elements of its column, a lone surrogate another key.
 */
export function checkedRows<R>(
  decode: (delivery: Delivery, limits: DecodeLimits) => Decoded<R>,
  table: TableDefinition<R>,
  rejections: readonly string[],
): Checked {
  const declared = new Set(rejections)
  const read = rowReader(table)
  const checked = (row: DecodedRow<R>): DecodedRow<CheckedRow> => {
    // Its rule is checked where it is counted.
    if (isIgnored(row)) return row
    if (!isRejection(row)) return read(row)
    return declared.has(row.reason) ? row : new Rejection(undeclared, `${row.reason}: ${row.detail}`)
  }
  return {
    decode: (delivery, limits) => {
      const decoded: unknown = decode(new MessageView(delivery), limits)
      if (isThenable(decoded)) {
        // Else its failure would end the process.
        decoded.then(undefined, () => {})
        return new Rejection(decoderError, 'decode gave a promise: it must not be async')
      }
      // Holes become undefined, which is no row.
      if (Array.isArray(decoded)) return Array.from(decoded as DecodedRow<R>[], checked)
      return checked(decoded as DecodedRow<R>)
    },
    table: tableOfChecked(table),
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function tableOfChecked<R>(definition: TableDefinition<R>): PostgresTable<CheckedRow> {
  const { delete: deletes, ...table } = completed(definition)
  const mark = deletes?.mode !== undefined && deletes.mode !== 'hard' ? { column: deletes.mode.column } : {}
  return {
    ...table,
    columns: table.columns.map((column, at) => ({ ...column, of: ({ values }) => values[at] as Scalar })),
    ...(deletes ? { deletes: { when: ({ isGone }) => isGone, ...mark } } : {}),
  }
}

/** Reads the values of a row and checks them, each by the rules of its column's type. */
function rowReader<R>(definition: TableDefinition<R>): (row: R) => CheckedRow | Rejection {
  const table = completed(definition)
  const { delete: deletes } = table
  const columns = table.columns.map((column) => columnReader(column, table))
  return (row) => {
    const isGone = deletes?.when(row) ?? false
    if (typeof isGone !== 'boolean')
      return new Rejection(decoderError, `table.delete.when gave ${String(isGone)}, not true or false`)
    // Exactly as long: an array that grows takes room for seventeen, and a row lives until it is written.
    const values: Scalar[] = columns.map(noValue)
    for (const [at, { name, isNeeded, isMark, of, encode }] of columns.entries()) {
      const given = isGone && !isNeeded ? null : of(row)
      const value = isGone && !isNeeded ? null : encode(given)
      if (value instanceof ValueFault) return rejectionOf(value, name, given)
      if (isMark && isGone !== (value !== null)) return rejectionOf(markFault(isGone), name, given)
      values[at] = value
    }
    return new CheckedRow(values, isGone)
  }
}

const noValue = () => null

/** A table with all that one may have, where its mode gives it a meaning. */
type CompletedTable<R> = Omit<NewestTableDefinition<R>, 'mode'> & { readonly mode: TableMode }

function completed<R>(table: TableDefinition<R>): CompletedTable<R> {
  return { key: [], version: [], ...table, mode: table.mode ?? 'newest' }
}

/** What a column is needed for, where it is never null. */
function partOf<R>(
  name: string,
  { mode, key, version }: CompletedTable<R>,
): 'key' | 'version' | 'sum' | undefined {
  if (key.includes(name)) return 'key'
  if (version.includes(name)) return 'version'
  return mode === 'sum' ? 'sum' : undefined
}

function rejectionOf({ kind, what }: ValueFault, name: string, given: unknown): Rejection {
  const value = shown(given)
  const detail = what.includes(value) ? what : `${what}: ${value}`
  const reason = kind === 'wrong-kind' && isInNoMessage(given) ? decoderError : badValue
  return new Rejection(reason, `the column ${name} ${detail}`)
}

function markFault(isGone: boolean): ValueFault {
  const what = isGone
    ? 'is null, and marks a row that is gone'
    : 'marks rows that are gone: of all others it must be null'
  return new ValueFault('bad-value', what)
}

/** The module made it up: a message is not to blame. */
function isInNoMessage(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol'
}

const roles = { key: 'part of the key', version: 'part of the version', sum: 'is added up' } as const

interface ColumnReader<R> {
  readonly name: string
  /** Also of a row that is gone. */
  readonly isNeeded: boolean
  /** Not NULL exactly where the row is gone. */
  readonly isMark: boolean
  readonly of: (row: R) => unknown
  readonly encode: (value: unknown) => Scalar | ValueFault
}

function columnReader<R>(column: ColumnDefinition<R>, table: CompletedTable<R>): ColumnReader<R> {
  const { name } = column
  const codec = column.from === 'unix-seconds' ? secondsCodec : codecOf(typeOf(column))
  const mode = table.delete?.mode
  const isMark = typeof mode === 'object' && mode.column === name
  const part = partOf(name, table)
  const isTime = part === 'version' && typeOf(column).name === 'timestamptz'
  const rankOf = isTime ? guardRankReader<Scalar>({ ...column, of: (value) => value }) : undefined
  const encodePart = (given: unknown): Scalar | ValueFault => {
    const value = codec.encode(given)
    if (value === null) return new ValueFault('bad-value', `is null, and ${roles[part ?? 'key']}`)
    if (value instanceof ValueFault) return value
    if (rankOf && rankOf(value) > latestVersionMicros) return outOfRange(given, 'a version')
    // One value has one spelling, since it tells rows from each other.
    return part === 'key' && typeof value === 'string' ? codec.keyText(value) : value
  }
  return {
    name,
    isNeeded: part !== undefined || isMark,
    isMark,
    of: (row) => column.of(row),
    encode: part === undefined ? codec.encode : encodePart,
  }
}
