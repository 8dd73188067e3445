import { decoderError } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import type { Column, DecodeLimits, Decoded, PostgresTable, Scalar } from '#core/pipeline.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import { canonicalIp } from './ip.ts'
import { MessageView } from './message-view.ts'
import { preview } from './rejection.ts'

/** The reason of rejections whose own was not declared: each would be one more series of a metric. */
export const undeclared = 'undeclared-reason'

/** The values of a row, read once when it was decoded: what comes later runs no code of the module. */
export class CheckedRow {
  readonly values: readonly Scalar[]

  constructor(values: readonly Scalar[]) {
    this.values = values
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
  table: PostgresTable<R>,
  rejections: readonly string[],
): Checked {
  const declared = new Set(rejections)
  const checked = (row: R | Rejection): CheckedRow | Rejection => {
    if (!isRejection(row)) return checkedRow(row, table)
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
      if (Array.isArray(decoded)) return Array.from(decoded as (R | Rejection)[], checked)
      return checked(decoded as R | Rejection)
    },
    table: {
      ...table,
      columns: table.columns.map((column, at) => ({ ...column, of: ({ values }) => values[at] as Scalar })),
    },
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function checkedRow<R>(row: R, { columns, key }: PostgresTable<R>): CheckedRow | Rejection {
  const values: Scalar[] = []
  for (const column of columns) {
    const value = column.of(row)
    const fault =
      faultOf(value, column) ??
      (value === null && key.includes(column.name) ? 'is null, and part of the key' : undefined)
    if (fault !== undefined) return new Rejection(decoderError, `the column ${column.name} ${fault}`)
    // One address has one spelling, since it may be part of a key.
    values.push(column.type === 'inet' ? (canonicalIp(String(value)) ?? value) : value)
  }
  return new CheckedRow(values)
}

function faultOf(value: unknown, { type, from }: Column<never>): string | undefined {
  if (value === null) return undefined
  const isText = type === 'text' || type === 'inet' || (type === 'timestamptz' && from === undefined)
  const isRight = isText
    ? typeof value === 'string'
    : typeof value === 'bigint' || Number.isSafeInteger(value)
  if (!isRight) return `is ${shown(value)}, not ${isText ? 'a text' : 'a whole number'}`
  if (typeof value !== 'string') return undefined
  if (value.includes('\0')) return 'contains a NUL character'
  return value.isWellFormed() ? undefined : 'contains a lone surrogate, which is not valid Unicode'
}

function shown(value: unknown): string {
  return typeof value === 'function' || typeof value === 'symbol' || typeof value === 'number'
    ? String(value)
    : preview(value)
}
