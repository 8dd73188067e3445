import type { ReadValue } from '../conversion/json-value.ts'
import type { ReadOptions } from '../conversion/reader-of.ts'
import { readerOf, travelsAsMicros } from '../conversion/reader-of.ts'
import { timezoneNamed } from '../conversion/timezone.ts'
import type { PlannedColumn } from './planned-column.ts'
import type { ValuePath } from './mapping.ts'

/** How the values of a column are read at one of its paths; of a constant as at the last one. */
export function valueReader(column: PlannedColumn, path?: ValuePath): ReadValue {
  return readerOf(column.readAs, readOptions(column, path), !takesMicros(column))
}

/** Whether its values travel as integers: then times are ordered without taking texts apart. */
export function takesMicros({ type, part }: Pick<PlannedColumn, 'type' | 'part'>): boolean {
  return travelsAsMicros(type) && part !== 'key'
}

function readOptions(
  { source }: PlannedColumn,
  path = source.kind === 'paths' ? source.paths.at(-1) : undefined,
): ReadOptions {
  const { unit, timezone, encoding } = path ?? {}
  const zone = timezone === undefined ? undefined : timezoneNamed(timezone)
  return {
    ...(unit === undefined ? {} : { unit }),
    ...(zone === undefined ? {} : { timezone: zone }),
    ...(encoding === undefined ? {} : { encoding }),
  }
}
