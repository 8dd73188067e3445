import { typeText } from '#core/column-type.ts'
import type { PostgresTable, TableOrigin } from '#core/pipeline.ts'
import { countsOnce, typeOf } from '#core/pipeline.ts'

/** A table that is written or read, with what that needs of it. */
export interface NeededTable {
  readonly name: string
  /** Columns and their types, as PostgreSQL writes them out. */
  readonly columns: Readonly<Record<string, string>>
  /** Columns that identify a row: `ON CONFLICT` names them. */
  readonly key: readonly string[]
  readonly rights: readonly string[]
  /** It must be partitioned: a function makes and drops its partitions. */
  readonly isPartitioned?: boolean
  /** It must have no triggers or rules: a row that one of them discards would be taken for one that was there before. */
  readonly hasNoTriggers?: boolean
  /** Rows of it are deleted. */
  readonly deletes?: boolean
  /** A pipeline's: others than our migrations may have made it. */
  readonly isSink?: boolean
  /** Of a user's module. */
  readonly origin?: TableOrigin | undefined
}

const writing = ['SELECT', 'INSERT', 'UPDATE']

export const deadLetters: NeededTable = {
  name: 'dead_letters',
  columns: {
    pipeline: 'text',
    subscription: 'text',
    message_id: 'text',
    publish_time: 'timestamptz',
    ordering_key: 'text',
    attributes: 'jsonb',
    data: 'bytea',
    reason: 'text',
    detail: 'text',
    delivery_attempt: 'integer',
    last_seen_at: 'timestamptz',
    times_seen: 'integer',
  },
  key: ['subscription', 'message_id', 'publish_time'],
  rights: writing,
}

export const cacheEpochs: NeededTable = {
  name: 'cache_epochs',
  columns: { pipeline: 'text', epoch: 'uuid' },
  key: ['pipeline'],
  rights: ['SELECT'],
}

export const keyGuards: NeededTable = {
  name: 'key_guards',
  columns: { pipeline: 'text', key: 'text', deleted_version: 'bigint[]', deleted_at: 'timestamptz' },
  key: ['pipeline', 'key'],
  rights: [...writing, 'DELETE'],
}

export const appliedMessages: NeededTable = {
  name: 'applied_messages',
  columns: {
    pipeline: 'text',
    message_id: 'text',
    publish_time: 'timestamptz',
    record_index: 'integer',
    effect: 'text[]',
  },
  key: ['publish_time', 'message_id', 'record_index', 'pipeline'],
  rights: writing,
  isPartitioned: true,
  hasNoTriggers: true,
}

export const appliedRequests: NeededTable = {
  name: 'applied_requests',
  columns: {
    pipeline: 'text',
    request: 'text',
    record_index: 'integer',
    effect: 'text[]',
    first_used_at: 'timestamptz',
  },
  key: ['request', 'record_index', 'pipeline'],
  rights: [...writing, 'DELETE'],
  hasNoTriggers: true,
}

/**
 * The tables that a pipeline's ingester needs, its own first.
 *
 * @param withCache whether the cache's epoch will be read
 */
export function neededTables(
  table: PostgresTable,
  withCache: boolean,
): readonly [NeededTable, NeededTable, ...NeededTable[]] {
  return [
    neededSink(table),
    deadLetters,
    ...(withCache && !countsOnce(table) ? [cacheEpochs] : []),
    ...(table.deletes ? [keyGuards] : []),
    ...(countsOnce(table) ? [appliedMessages, appliedRequests] : []),
  ]
}

export function neededSink({ name, key, columns, deletes, origin }: PostgresTable): NeededTable {
  const types = Object.fromEntries(columns.map((column) => [column.name, typeText(typeOf(column))]))
  const more =
    deletes && deletes.column === undefined
      ? { rights: [...writing, 'DELETE'], deletes: true }
      : { rights: writing }
  return { name, columns: types, key, ...more, isSink: true, origin }
}
