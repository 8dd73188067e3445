import type { Delivery } from '#core/delivery.ts'
import { isIgnored } from '#core/ignored.ts'
import type { RecordKey, Scalar } from '#core/pipeline.ts'
import type { Rejection } from '#core/rejection.ts'
import { isRejection } from '#core/rejection.ts'
import { mappingDecoder, recordReasons } from './decode-mapping.ts'
import type { MappedRow } from './mapped-row.ts'
import { valueAt } from './mapped-row.ts'
import type { Mapping } from './mapping.ts'
import type { PlannedColumn } from './planned-column.ts'

/** Of any size: it will not be stored. */
const noLimits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }

/** Finds the keys of a message's records, whatever else is wrong with them. A message that cannot be read is rejected. */
export function keyFinder(
  mapping: Mapping,
  columns: readonly PlannedColumn[],
  keyOf: (values: readonly Scalar[]) => string,
): (delivery: Delivery) => readonly RecordKey[] | Rejection {
  const named = mapping.key.flatMap((name) => columns.find((column) => column.name === name) ?? [])
  const { delete: _, ...rest } = mapping
  const decode = mappingDecoder({ ...rest, where: [] }, named)
  const valuesOf = named.map((_column, at) => valueAt(at))
  return (delivery) => {
    const decoded = decode(delivery, noLimits)
    if (isRejection(decoded)) return recordReasons.has(decoded.reason) ? [] : decoded
    const rows = Array.isArray(decoded) ? (decoded as readonly unknown[]) : [decoded]
    return rows
      .filter((row): row is MappedRow => !isRejection(row) && !isIgnored(row))
      .map((row) => valuesOf.map((of) => of(row) as string | number))
      .map((values) => ({ key: keyOf(values), values }))
  }
}
