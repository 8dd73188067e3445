import pg from 'pg'
import type { Column, PostgresTable } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import { quotedTable } from './identifier.ts'

/**
 * Reads one row as the upsert takes it, and keeps it as it is until the end of the transaction: a row that is deleted
 * meanwhile would be inserted again. Rows locked by other transactions are skipped, not waited for.
 */
export function existingRowSql({ name, columns }: PostgresTable): string {
  const times = columns.filter(({ from }) => from !== undefined)
  const integers = columns.flatMap((column) => {
    const bounds = boundsOf[typeOf(column).name]
    return bounds && !typeOf(column).isArray ? [{ ...column, bounds }] : []
  })
  const writable = [
    // NULL is as writable as a time. Microseconds of later years are no bigint.
    ...times.map(({ name: one }) => {
      const column = pg.escapeIdentifier(one)
      return `(isfinite(${column}) AND ${column} < '294247-01-01Z') IS NOT FALSE`
    }),
    // A wider column may hold what others wrote, and what no array of integers takes.
    ...integers.map(
      ({ name: one, bounds }) => `(${pg.escapeIdentifier(one)} BETWEEN ${bounds}) IS NOT FALSE`,
    ),
  ]
  return [
    `SELECT ${columns.map(readable).join(', ')}`,
    `FROM ${quotedTable(name)}`,
    ...(writable.length > 0 ? [`WHERE ${writable.join(' AND ')}`] : []),
    'LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED',
  ].join('\n')
}

const boundsOf: Readonly<Record<string, string>> = {
  smallint: '-32768 AND 32767',
  integer: '-2147483648 AND 2147483647',
}

/** As text, whole: an address with its prefix length. Rounded up, a time would be newer than it is. */
function readable({ name, from }: Column): string {
  const column = pg.escapeIdentifier(name)
  if (from === undefined) return `${column}::text`
  return `floor(extract(epoch FROM ${column})${from === 'unix-micros' ? ' * 1000000' : ''})::bigint::text`
}
