import { guardKey } from './key-guards.ts'
import type { Queryable } from './queryable.ts'

/** The newest deletion of a key. */
export interface Deletion {
  /** The columns of its version, as `Guard.ranks` has them. */
  readonly ranks: readonly bigint[]
  readonly deletedAt: Date
}

/**
 * Undefined where none is known.
 *
 * @param key the values of the table's key columns
 * @throws whatever the connection throws
 */
export async function readDeletion(
  connection: Queryable,
  pipeline: string,
  key: readonly (string | number)[],
): Promise<Deletion | undefined> {
  const { rows } = await connection.query<{ ranks: string[]; at: Date }>(
    `SELECT deleted_version::text[] AS ranks, deleted_at AS at FROM key_guards
     WHERE pipeline = $1 AND key = $2 AND deleted_version IS NOT NULL`,
    [pipeline, guardKey(key)],
  )
  const [row] = rows
  return row && { ranks: row.ranks.map(BigInt), deletedAt: row.at }
}
