import pg from 'pg'
import { UnreachableError } from '#core/command-error.ts'
import { advice } from '#core/advice.ts'
import type { Column, PostgresTable, StoredRow } from '#core/pipeline.ts'
import { columnNamed, typeOf } from '#core/pipeline.ts'
import { bareType } from './column-sql.ts'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'
import type { Queryable } from './queryable.ts'
import { selectRows } from './read-table.ts'
import { inReadOnlyTransaction } from './transaction.ts'

const lockTimeoutSeconds = 3

/** Runs its argument as one transaction that can change nothing. */
export type Read = <T>(work: (connection: Queryable) => Promise<T>) => Promise<T>

/**
 * Runs `work` with a connection that does not wait long for a table that is locked.
 *
 * @throws UnreachableError where one is; whatever else the connection throws
 */
export function withReader<T>(options: PostgresOptions, work: (read: Read) => Promise<T>): Promise<T> {
  return withConnection(options, async (client) => {
    try {
      return await work((reading) => inReadOnlyTransaction(client, lockTimeoutSeconds, () => reading(client)))
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== lockNotAvailable) throw error
      const what = `PostgreSQL: another session has locked a table for ${lockTimeoutSeconds} s or longer`
      const fix = advice`see who: SELECT pid, state, query FROM pg_stat_activity; then ask again`
      throw new UnreachableError(`${what} (a migration, a VACUUM FULL?)`, { fixes: [fix], cause: error })
    }
  })
}

const lockNotAvailable = '55P03'

/** The one row of these key values, in the order of the table's key columns; undefined where there is none. */
export async function readRow(
  connection: Queryable,
  table: PostgresTable,
  key: readonly (string | number)[],
): Promise<StoredRow | undefined> {
  const conditions = table.key.map(
    (name, i) => `${pg.escapeIdentifier(name)} = ${keyParameter(columnNamed(table, name), i)}`,
  )
  const { rows } = await connection.query<(string | number | null)[]>({
    text: `${selectRows(table)} WHERE ${conditions.join(' AND ')}`,
    values: [...key],
    rowMode: 'array',
  })
  return rows[0]
}

function keyParameter(column: Column, index: number): string {
  const parameter = `$${index + 1}`
  return column.from === 'unix-seconds'
    ? `to_timestamp(${parameter}::bigint)`
    : `${parameter}::${bareType(typeOf(column))}`
}
