import pg from 'pg'
import type { PostgresTable } from '#core/pipeline.ts'
import type { Queryable } from '../queryable.ts'
import { daysSql } from './identities-sql.ts'

/** What has counted for one key, as far as it is remembered. */
export interface AppliedToKey {
  /** Records of messages, and when the last of these was published. */
  readonly ofMessages: { readonly count: number; readonly last: Date | null }
  /** Records of requests, and when the last of these was first used. */
  readonly ofRequests: { readonly count: number; readonly last: Date | null }
}

/** A record that has counted. */
export interface AppliedRecord {
  /** Its place in its message, from 0. */
  readonly index: number
  /** Of a message when it was published first, of a request when that was first used. */
  readonly at: Date
}

/**
 * Counts the records that have been added to the row of a key.
 *
 * The pipeline's name stands in the text: an index may be about that pipeline alone (`WHERE pipeline = 'increments'`), which the
 * planner must see. Without one all is read, so `timeoutMs` bounds it.
 *
 * @param connection in a transaction of its own
 * @param key texts of the table's key columns, in their order
 * @throws whatever the connection throws; `57014` where it takes too long
 */
export async function readAppliedToKey(
  connection: Queryable,
  pipeline: string,
  table: Pick<PostgresTable, 'columns' | 'key'>,
  key: readonly (string | number)[],
  timeoutMs: number,
): Promise<AppliedToKey> {
  await limitStatements(connection, timeoutMs)
  const places = table.key.map((name) => table.columns.findIndex((column) => column.name === name) + 1)
  const condition = [
    `pipeline = ${pg.escapeLiteral(pipeline)}`,
    ...places.map((place, at) => `effect[${place}] = $${at + 1}`),
  ].join(' AND ')
  const found = async (from: string, at: string) => {
    const text = `SELECT count(*)::float8 AS count, max(${at}) AS last FROM ${from} WHERE ${condition}`
    const { rows } = await connection.query<AppliedToKey['ofMessages']>(text, key.map(String))
    return rows[0] as AppliedToKey['ofMessages']
  }
  return {
    ofMessages: await found('applied_messages', 'publish_time'),
    ofRequests: await found('applied_requests', 'first_used_at'),
  }
}

/**
 * The records of a message, or of a request, that have counted; empty where none has, or it is forgotten.
 *
 * @param identity the id of the message that was published first, or the request as its attribute has it
 * @throws as {@link readAppliedToKey}
 */
export async function readAppliedRecords(
  connection: Queryable,
  pipeline: string,
  identity: { readonly message: string } | { readonly request: string },
  timeoutMs: number,
): Promise<AppliedRecord[]> {
  await limitStatements(connection, timeoutMs)
  const text =
    'message' in identity
      ? `SELECT record_index AS index, publish_time AS at FROM applied_messages WHERE pipeline = $1 AND message_id = $2 ORDER BY 2, 1`
      : `SELECT record_index AS index, first_used_at AS at FROM applied_requests WHERE pipeline = $1 AND request = $2 ORDER BY 1`
  const id = 'message' in identity ? identity.message : identity.request
  const { rows } = await connection.query<AppliedRecord>(text, [pipeline, id])
  return rows
}

/** From when on it is remembered what has counted; null where no day is made. */
export async function readAppliedSince(connection: Queryable): Promise<Date | null> {
  const { rows } = await connection.query<{ since: Date | null }>(daysSql)
  return rows[0]?.since ?? null
}

async function limitStatements(connection: Queryable, timeoutMs: number): Promise<void> {
  await connection.query(`SET LOCAL statement_timeout = ${Math.max(1, Math.floor(timeoutMs))}`)
}
