import pg from 'pg'
import type { Column, PostgresTable } from '#core/pipeline.ts'

/**
 * Reads one row as the upsert takes it, and keeps it as it is until the end of the transaction: a row that is deleted
 * meanwhile would be inserted again. Rows locked by other transactions are skipped, not waited for.
 */
export function existingRowSql({ name, columns }: PostgresTable): string {
  const times = columns.filter(({ from }) => from === 'unix-seconds')
  const integers = columns.filter(({ type }) => type === 'integer')
  const writable = [
    ...times.map((column) => `isfinite(${pg.escapeIdentifier(column.name)})`),
    // A bigint may hold what others wrote, and what no array of integers takes.
    ...integers.map(
      (column) => `(${pg.escapeIdentifier(column.name)} BETWEEN -2147483648 AND 2147483647) IS NOT FALSE`,
    ),
  ]
  return [
    `SELECT ${columns.map(readable).join(', ')}`,
    `FROM ${pg.escapeIdentifier(name)}`,
    ...(writable.length > 0 ? [`WHERE ${writable.join(' AND ')}`] : []),
    'LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED',
  ].join('\n')
}

/** As text, whole: an address with its prefix length. Rounded up, a time would be newer than it is. */
function readable({ name, from }: Column): string {
  const column = pg.escapeIdentifier(name)
  return from === 'unix-seconds' ? `floor(extract(epoch FROM ${column}))::bigint::text` : `${column}::text`
}
