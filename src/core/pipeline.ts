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
   * Raised when the key or the version of a record changes its meaning: cache entries of older formats are then ignored.
   */
  readonly format: number
  readonly source: PubsubSourceDefaults
  /** Never throws: what cannot be stored is a {@link Rejection}. Validation precedes every effect. */
  readonly decode: (delivery: Delivery, limits: DecodeLimits) => Decoded
  /** All that `decode` may give. */
  readonly rejections: readonly string[]
  /** `newest`: per key the record with the greatest (version, content) wins. */
  readonly merge: 'newest'
  readonly sink: PostgresTable
  readonly inspector: RecordInspector
}

/**
 * What a message is: one record, any number of them (none: there is nothing to store), or none since it is invalid. Each
 * of several records is stored for itself; all that are rejected become one dead letter of the message.
 */
export type Decoded = KeyedRecord | readonly (KeyedRecord | Rejection)[] | Rejection

/** How users name one record, and how it is shown to them: for commands, not for the engine. Pure; nothing here throws. */
export interface RecordInspector {
  /** One word for each of the table's key columns, in their order. */
  readonly example: readonly string[]
  /** The key that such words mean, by the rules of `decode` and in its spelling. */
  readonly keyOf: (words: readonly string[]) => RecordKey | Rejection
  /** The key of a message, also where `decode` rejects that for something else than its key. */
  readonly keyFromMessage: (delivery: Delivery) => RecordKey | Rejection
  /** Whether a text mentions this key. A guess, for messages that cannot be decoded. */
  readonly mentions: (key: RecordKey, text: string) => boolean
  /** As in a sentence: `HTTP on 1.1.1.7:443`. */
  readonly subject: (key: RecordKey) => string
  /** The record that a row was written from, as the cache knows it; undefined where no message makes such a row. */
  readonly recordOf: (row: Row) => Pick<KeyedRecord, 'key' | 'version' | 'content'> | undefined
  /** Where versions are times: the word before one, as in `seen 2026-11-21 10:00:00 UTC`, and Unix ms. */
  readonly versionTime?: { readonly word: string; readonly msOf: (version: bigint) => number }
  /** What the content is called: `response`. */
  readonly content: string
}

/** One record's key: the text that the engine knows, and the values of the table's key columns, in order. */
export interface RecordKey {
  readonly key: string
  readonly values: readonly (string | number)[]
}

/** A row in its columns' order: addresses without prefix length, times in Unix seconds, bigint as text. */
export type Row = readonly (string | number | null)[]

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

/** Why a message cannot be stored: `reason` for counting (few, fixed), `detail` for the person who fixes it. */
export interface Rejection {
  readonly reason: string
  readonly detail: string
}

export function isRejection(decoded: Decoded | RecordKey): decoded is Rejection {
  return 'reason' in decoded
}
