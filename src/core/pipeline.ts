import type { Delivery } from './delivery.ts'
import type { CacheRecord } from './cache.ts'
import type { CatalogTable } from './catalog.ts'
import type { ColumnType } from './column-type.ts'
import { columnType } from './column-type.ts'
import type { Enricher } from './enricher.ts'
import type { Ignored } from './ignored.ts'
import type { Merge } from './merge.ts'
import type { Rejection } from './rejection.ts'

/**
 * What the engine knows of a pipeline: its rules, as pure functions. `R` is the pipeline's own type of a row, `D` that of
 * one before an enricher has looked at it.
 */
export interface Rules<R = unknown, D = R> {
  /** Never throws: what cannot be stored is a {@link Rejection}. Validation precedes every effect. */
  readonly decode: (delivery: Delivery, limits: DecodeLimits) => Decoded<D>
  /** Absent: a decoded row is what is stored. */
  readonly enricher?: Enricher<D, R>
  /** Those by which `decode` and the enricher ignore records: few and fixed, since each is the value of a metric's label. */
  readonly ignoreRules?: readonly string[]
  readonly merge: Merge<R>
}

/** What to ingest, from where and to where. */
export interface Pipeline<R = unknown> extends Rules<R> {
  readonly name: string
  /**
   * Raised when the key or the version of a record changes its meaning: cache entries of older formats are then ignored.
   */
  readonly format: number
  readonly source: PubsubSourceDefaults
  /** How long a record waits for its batch to fill, where the configuration does not say. */
  readonly flushIntervalMs?: number
  /** All that `decode` may give. */
  readonly rejections: readonly string[]
  readonly sink: PostgresTable<R>
  readonly inspector: RecordInspector
  /** The folder of the SQL files that make its tables, where they are not the project's own. */
  readonly migrations?: URL
  /**
   * Where the types of its columns come from the database: the same pipeline for a table that was altered. Undefined where
   * that changes nothing for it, or where a column is gone.
   *
   * @throws ConfigurationError with all that the table contradicts
   */
  readonly rebind?: (catalog: CatalogTable) => Pipeline<R> | undefined
}

const defaultFlushIntervalMs = 100

/** How long a record waits for its batch to fill, in ms: as configured, else the pipeline's own. */
export function flushIntervalOf(
  { flushIntervalMs = defaultFlushIntervalMs }: Pick<Pipeline, 'flushIntervalMs'>,
  configured: number | undefined,
): number {
  return configured ?? flushIntervalMs
}

/** A pipeline whose columns' types stand in the database: it becomes one when its table has been looked at. */
export interface UnboundPipeline extends Pick<Pipeline, 'name' | 'source'> {
  readonly table: Pick<PostgresTable, 'name' | 'mode' | 'key' | 'version'> & { readonly deletes: boolean }
  /**
   * @param catalog undefined: there is no such table
   * @throws ConfigurationError with all that the table contradicts
   */
  bind(catalog: CatalogTable | undefined): Pipeline
}

/** A pipeline that was named, as far as its file tells. */
export type LoadedPipeline = Pipeline | UnboundPipeline

export function isUnbound(pipeline: LoadedPipeline): pipeline is UnboundPipeline {
  return 'bind' in pipeline
}

/**
 * What a message is: one row, any number of them (none: there is nothing to store), or none since it is invalid or is
 * ignored by a rule. Each of several rows is stored for itself; all that are rejected become one dead letter of the message.
 */
export type Decoded<R = unknown> = DecodedRow<R> | readonly DecodedRow<R>[]

/** What one record of a message is. */
export type DecodedRow<R = unknown> = R | Rejection | Ignored

/** How users name one record, and how it is shown to them: for commands, not for the engine. Pure; nothing here throws. */
export interface RecordInspector {
  /** One word for each of the table's key columns, in their order: how a person names a record. */
  readonly example: readonly string[]
  /** The key that such words mean, by the rules of `decode` and in its spelling. */
  readonly keyOf: (words: readonly string[]) => RecordKey | Rejection
  /** The key of a message, also where `decode` rejects that for something else than its key. */
  readonly keyFromMessage: (delivery: Delivery) => RecordKey | Rejection
  /** Where a message may have several records: the keys of all that have one. Asked instead, where it is there. */
  readonly keysFromMessage?: (delivery: Delivery) => readonly RecordKey[] | Rejection
  /** Whether a text mentions this key. A guess, for messages that cannot be decoded. */
  readonly mentions: (key: RecordKey, text: string) => boolean
  /** As in a sentence: `HTTP on 1.1.1.7:443`. */
  readonly subject: (key: RecordKey) => string
  /** The record that a row was written from, as the cache knows it; undefined where no message makes such a row. */
  readonly recordOf: (row: StoredRow) => StoredRecord | undefined
  /** Where versions are times: the word before one, as in `seen 2026-11-21 10:00:00 UTC`, and Unix ms. */
  readonly versionTime?: { readonly word: string; readonly msOf: (version: bigint) => number }
  /** What the content is called: `response`. */
  readonly content: string
}

export interface StoredRecord extends CacheRecord {
  /** The table may spell the content in another way than the message did: it is for people, and cannot be compared. */
  readonly isRespelled?: boolean
}

/** One record's key: the text that the engine knows, and the values of the table's key columns, in order. */
export interface RecordKey {
  readonly key: string
  readonly values: readonly (string | number)[]
}

/**
 * A row as it was read from the table, in its columns' order: smaller integers and what came in Unix seconds as numbers,
 * all else as text, addresses without the length of their prefix and times as RFC 3339 has them, in UTC.
 */
export type StoredRow = readonly (string | number | null)[]

/** Names used where the configuration gives none: ids in the configured project, or full names. */
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

/**
 * What becomes of a record in its table.
 *
 * - `newest`: of each key, the row with the greatest version stays
 * - `append`: each record is a row of its own, once however often it is delivered
 * - `sum`: each record adds to the row of its key, once however often it is delivered
 */
export const tableModes = ['newest', 'append', 'sum'] as const
export type TableMode = (typeof tableModes)[number]

/** A PostgreSQL table that records become rows of. Identifiers come from code, never from input. */
export interface PostgresTable<R = unknown, Name extends string = string> {
  /** Absent: `newest`. */
  readonly mode?: TableMode
  /** With or without a schema, as `table-name.ts` reads it. */
  readonly name: string
  readonly columns: readonly Column<R, Name>[]
  /** The primary key's columns, in index order. Empty of one that is appended to. */
  readonly key: readonly NoInfer<Name>[]
  /**
   * Empty of all but `newest`. Integers and times, compared in this order; a greater one wins. The last may be a text, compared as UTF-8 bytes.
   * Between rows of one version the database decides by all other columns.
   */
  readonly version: readonly NoInfer<Name>[]
  /** Absent: no message says that a row is gone. */
  readonly deletes?: Deletes<R, NoInfer<Name>>
  /** Set when a user's module is loaded, not by a definition. */
  readonly origin?: TableOrigin
}

/** Of a table whose messages may say that a row is gone. Such a message needs no more than the key and the version. */
export interface Deletes<R = unknown, Name extends string = string> {
  /** Whether the row of the message says so. Between equal versions it wins. */
  when(row: R): boolean
  /** The column that marks a row as gone, by what the message has in it. Absent: the row is deleted. */
  readonly column?: Name
}

/** The file whose pipeline has the table, for advice on how to create it. */
export interface TableOrigin {
  /** Its path, as `--pipeline` takes it. */
  readonly module: string
  /** It is a mapping file, and takes the columns' types from the table. */
  readonly isMapping?: boolean
  /** The folder of its migrations. Undefined: it has none, and the table is created by other means. */
  readonly migrations?: string
}

export interface Column<R = unknown, Name extends string = string> {
  readonly name: Name
  /** As in SQL: `numeric(12,2)`, `text[]`, `sales.mood`. */
  readonly type: string
  /** How the value travels. A time since 1970 is an integer that becomes a timestamptz; a key column's is no such integer. */
  readonly from?: 'unix-seconds' | 'unix-micros'
  /** Its value is that of the delivery, such as its publish time: it does not tell one record from another. */
  readonly ofDelivery?: boolean
  /** The value of a row. */
  of(row: R): Scalar
}

export type Scalar = string | number | bigint | null

/** The type that a definition gives a column. */
export function typeOf({ name, type }: Pick<Column<never>, 'name' | 'type'>): ColumnType {
  const known = columnType(type)
  if (!known) throw new Error(`column ${name}: ${type} is no type`)
  return known
}

/** Whether each record of it has an effect of its own, and that once: there are no versions, and nothing is stale. */
export function countsOnce({ mode = 'newest' }: Pick<PostgresTable, 'mode'>): boolean {
  return mode !== 'newest'
}

/** Columns of neither the key nor the version. Of sums: what is added up. */
export function restOf<R>({ columns, key, version }: PostgresTable<R>): readonly Column<R>[] {
  return columns.filter(({ name }) => !key.includes(name) && !version.includes(name))
}

/** @throws Error where the table has none of that name: a definition is checked before */
export function columnNamed<R>({ name: table, columns }: PostgresTable<R>, name: string): Column<R> {
  const column = columns.find((one) => one.name === name)
  if (!column) throw new Error(`table ${table} has no column ${name}`)
  return column
}
