import type { PostgresTable, TableOrigin } from '#core/pipeline.ts'

/** A table that is written or read, with what that needs of it. */
export interface NeededTable {
  readonly name: string
  /** Columns and their types, as PostgreSQL writes them out. */
  readonly columns: Readonly<Record<string, string>>
  /** Columns that identify a row: `ON CONFLICT` names them. */
  readonly key: readonly string[]
  readonly rights: readonly string[]
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

/**
 * The tables that a pipeline's ingester needs, its own first.
 *
 * @param withCache whether the cache's epoch will be read
 */
export function neededTables(
  table: PostgresTable,
  withCache: boolean,
): readonly [NeededTable, NeededTable, ...NeededTable[]] {
  return [neededSink(table), deadLetters, ...(withCache ? [cacheEpochs] : [])]
}

export function neededSink({ name, key, columns, origin }: PostgresTable): NeededTable {
  const types = Object.fromEntries(columns.map((column) => [column.name, column.type]))
  return { name, columns: types, key, rights: writing, isSink: true, origin }
}
