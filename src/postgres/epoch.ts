import { ConfigurationError } from '#core/command-error.ts'
import { advice } from '#core/advice.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { PostgresOptions } from './pool.ts'
import type { Queryable } from './queryable.ts'
import { checkEpochTable } from './start-check.ts'
import { withTransaction } from './transaction.ts'
import { quotedTable } from './identifier.ts'

/**
 * Which state of which table this is: another after a failover or a restore (system identifier, timeline), on a copy of
 * the data files and after a restart, which may have lost commits (the server's start), in another database, after
 * TRUNCATE, a rewrite or a new table of that name (file node; of a partitioned one those of all partitions, so a partition
 * that comes or goes is a new epoch, too), and after a bump (or when the bumps
 * themselves are lost: cache_epochs has a file node, too). What was committed to one epoch's table says nothing about
 * another one's. DELETE does not change it: hence the bump.
 *
 * An unlogged table has none: after a crash it is empty, and all of the above is as before. Were cache_epochs unlogged,
 * a crash would forget the bumps, and what was true before the first one would count again.
 */
const text = `
SELECT control.system_identifier
       || '.' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
       || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
       || '.' || (SELECT oid FROM pg_database WHERE datname = current_database())
       || '.' || (SELECT CASE t.relkind WHEN 'p' THEN (
                    SELECT left(encode(sha256(string_agg(pg_relation_filenode(p.oid)::text, ',' ORDER BY p.oid)::bytea), 'hex'), 16)
                    FROM pg_partition_tree(t.oid) AS tree JOIN pg_class AS p ON p.oid = tree.relid AND tree.isleaf
                    HAVING bool_and(p.relkind = 'r' AND p.relpersistence = 'p'))
                  ELSE pg_relation_filenode(t.oid)::text END
                  FROM pg_class AS t WHERE t.oid = to_regclass($1) AND t.relpersistence = 'p')
       || '.' || (SELECT pg_relation_filenode(oid) FROM pg_class
                  WHERE oid = 'cache_epochs'::regclass AND relpersistence = 'p')
       || '.' || coalesce((SELECT epoch::text FROM cache_epochs WHERE pipeline = $2), '') AS epoch
FROM pg_control_system() AS control`

/**
 * Null for a table without files of its own, as a view or one that has no partition, and for an unlogged one.
 *
 * @throws whatever the connection throws; a standby has no epoch either
 */
export async function readEpoch(
  connection: Queryable,
  table: PostgresTable,
  pipeline: string,
): Promise<string | null> {
  const { rows } = await connection.query<{ epoch: string | null }>(text, [quotedTable(table.name), pipeline])
  return rows[0]?.epoch ?? null
}

/**
 * Begins a new epoch and returns its new part; every process that reads it ignores older watermarks.
 *
 * @throws ConfigurationError where the table or the rights are missing; whatever the connection throws
 */
export function bumpEpoch(options: PostgresOptions, pipeline: string): Promise<string> {
  return withTransaction(options, async (client) => {
    await checkEpochTable(client, ['SELECT', 'INSERT', 'UPDATE'])
    const { rows } = await client.query(
      `INSERT INTO cache_epochs (pipeline) VALUES ($1)
       ON CONFLICT (pipeline) DO UPDATE SET epoch = EXCLUDED.epoch, bumped_at = EXCLUDED.bumped_at
       RETURNING epoch`,
      [pipeline],
    )
    const [row] = rows
    if (!row)
      throw new ConfigurationError('table cache_epochs: the new epoch was discarded by a trigger or rule', {
        fixes: [advice`change what it does, then bump again`],
      })
    return row.epoch
  })
}
