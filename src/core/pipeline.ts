import type { Delivery } from './delivery.ts'
import type { KeyedRecord } from './keyed-record.ts'

/**
 * What to ingest: data and pure functions. The engine knows pipelines only by this type.
 *
 * Parts that later systems need have their place here as a union with one member so far: `source` (others may
 * poll an HTTP API), `merge` (others may sum), `sink` (others may post to an API). A step between decode and
 * write that asks an outside service would be one more, optional member.
 */
export interface Pipeline {
  readonly name: string
  /**
   * Raised when the key or the version of a record changes its meaning: what a cache knows of the old ones is then
   * not looked at any more.
   */
  readonly format: number
  readonly source: PubsubSourceDefaults
  /** Never throws: what cannot be stored is a {@link Rejection}. Validation precedes every effect. */
  readonly decode: (delivery: Delivery, limits: DecodeLimits) => KeyedRecord | Rejection
  /** `newest`: per key the record with the greatest (version, content) wins. */
  readonly merge: 'newest'
  readonly sink: PostgresTable
}

/** Names used where the configuration gives none. */
export interface PubsubSourceDefaults {
  readonly kind: 'pubsub'
  readonly topicId: string
  readonly subscriptionId: string
}

export interface DecodeLimits {
  readonly maxMessageBytes: number
  /** How far a record's time may lie after its message's publish time. */
  readonly maxClockSkewMs: number
}

/** A PostgreSQL table that keeps one row a key. Identifiers come from code, never from input. */
export interface PostgresTable {
  readonly kind: 'postgres'
  readonly name: string
  /** In the order of {@link KeyedRecord.values}. */
  readonly columns: readonly Column[]
  /** The primary key's columns, in index order. */
  readonly key: readonly string[]
  /** Compared in this order; a greater one wins. Text is compared as UTF-8 bytes. */
  readonly version: readonly string[]
}

export interface Column {
  readonly name: string
  readonly type: 'inet' | 'integer' | 'bigint' | 'text' | 'timestamptz'
  /** How the value travels. `unix-seconds`: an integer that becomes a timestamptz. */
  readonly from?: 'unix-seconds'
}

/** Why a message cannot be stored: `reason` for counting (few, fixed), `detail` for the person who mends it. */
export interface Rejection {
  readonly reason: string
  readonly detail: string
}

export function isRejection(decoded: KeyedRecord | Rejection): decoded is Rejection {
  return 'reason' in decoded
}
