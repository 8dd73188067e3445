import pg from 'pg'
import { ConfigurationError } from '#core/failure.ts'
import type { PostgresTable } from '#core/pipeline.ts'

type Queryable = Pick<pg.Client, 'query'>

const writing = ['SELECT', 'INSERT', 'UPDATE']

const deadLetters = {
  name: 'dead_letters',
  columns: [
    'pipeline',
    'subscription',
    'message_id',
    'publish_time',
    'ordering_key',
    'attributes',
    'data',
    'reason',
    'detail',
    'delivery_attempt',
    'last_seen_at',
    'times_seen',
  ],
}

const cacheEpochs = { name: 'cache_epochs', columns: ['pipeline', 'epoch'] }

/**
 * Looks whether the tables are there with the columns and rights that writing needs, so that a wrong database is
 * found at start and not by the first message.
 *
 * @param withCache whether the cache's epoch will be read
 * @throws ConfigurationError with the mend; whatever the connection throws
 */
export async function checkTables(
  connection: Queryable,
  table: PostgresTable,
  withCache: boolean,
  rights: readonly string[] = writing,
): Promise<void> {
  const columns = table.columns.map((column) => column.name)
  await checkTable(connection, table.name, columns, rights)
  await checkTable(connection, deadLetters.name, deadLetters.columns, rights)
  if (withCache) await checkEpochTable(connection, ['SELECT'])
}

/** As {@link checkTables}, of the dead letters alone, for those who read and mark them. */
export function checkDeadLetterTable(connection: Queryable, rights: readonly string[]): Promise<void> {
  const columns = ['id', ...deadLetters.columns, 'first_seen_at', 'status']
  return checkTable(connection, deadLetters.name, columns, rights)
}

/** As {@link checkTables}, of the table that holds the cache's epochs. */
export function checkEpochTable(connection: Queryable, rights: readonly string[]): Promise<void> {
  return checkTable(connection, cacheEpochs.name, cacheEpochs.columns, rights)
}

async function checkTable(
  connection: Queryable,
  table: string,
  columns: readonly string[],
  rights: readonly string[],
): Promise<void> {
  const { rows } = await connection.query(
    `SELECT current_user AS role, to_regclass($1) IS NOT NULL AS there,
            ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0) AS columns,
            (SELECT bool_and(coalesce(has_table_privilege(to_regclass($1)::oid, wanted), false))
             FROM unnest($2::text[]) AS wanted) AS granted`,
    [pg.escapeIdentifier(table), rights],
  )
  const { role, there, columns: found, granted } = rows[0]
  if (!there)
    throw new ConfigurationError(`the table ${table} is not there; create it: bin/ingester migrate up`)
  const missing = columns.filter((column) => !found.includes(column))
  if (missing.length > 0) {
    throw new ConfigurationError(
      `the table ${table} has no column ${missing.join(', ')}; bring it up to date: bin/ingester migrate up`,
    )
  }
  if (!granted) {
    throw new ConfigurationError(
      `the role ${role} has not the rights it needs on the table ${table}; as its owner: GRANT ${rights.join(', ')} ON ${table} TO ${role}`,
    )
  }
}
