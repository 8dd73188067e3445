import type { ReadOptions } from '../conversion/reader-of.ts'
import { timezoneNamed } from '../conversion/timezone.ts'
import type { PlannedColumn } from './planned-column.ts'
import type { ValuePath } from './mapping.ts'

/** How the values at a path are read; of a constant as those of the column's last path. */
export function readOptions(
  { source }: Pick<PlannedColumn, 'source'>,
  path: ValuePath | undefined = source.kind === 'paths' ? source.paths.at(-1) : undefined,
): ReadOptions {
  const { unit, timezone, encoding } = path ?? {}
  const zone = timezone === undefined ? undefined : timezoneNamed(timezone)
  return {
    ...(unit === undefined ? {} : { unit }),
    ...(zone === undefined ? {} : { timezone: zone }),
    ...(encoding === undefined ? {} : { encoding }),
  }
}
