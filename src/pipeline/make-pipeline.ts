import type { Delivery } from '#core/delivery.ts'
import { badIdentity, identityOf } from '#core/identity.ts'
import type { DecodeLimits, Decoded, Pipeline, PostgresTable, RecordInspector } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { identified } from './identified.ts'
import { newest } from './newest.ts'
import { tableInspector } from './table-inspector.ts'

/** Known by it, also where the package is there twice. */
const mark: unique symbol = Symbol.for('pubsub-postgres-ingester.pipeline')

/** Whether it is one of these. */
export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && mark in value
}

/** A pipeline whose records become rows of a table. */
export interface TablePipeline<R = unknown> extends Pipeline<R> {
  readonly [mark]: true
}

/** What `of` of a column may give: docs/PIPELINES.md says which type takes what. */
export type ColumnValue = string | number | bigint | boolean | object | null

export interface ColumnDefinition<R, Name extends string = string> {
  readonly name: Name
  /** As in SQL: `numeric(12,2)`, `text[]`, `sales.mood`. */
  readonly type: string
  /** Whole seconds since 1970 become a timestamptz. */
  readonly from?: 'unix-seconds'
  /** The value of a row. */
  of(row: R): ColumnValue
}

/** A table as it is written down. */
export type TableDefinition<R, Name extends string = string> =
  | NewestTableDefinition<R, Name>
  | AppendTableDefinition<R, Name>
  | SumTableDefinition<R, Name>

interface AnyTableDefinition<R, Name extends string> {
  /** With or without its schema: `sales.orders`. */
  readonly name: string
  readonly columns: readonly ColumnDefinition<R, Name>[]
}

/** Each record is a row of its own, once however often its message is delivered. */
export interface AppendTableDefinition<R, Name extends string = string> extends AnyTableDefinition<R, Name> {
  readonly mode: 'append'
}

/** Each record is added to the row of its key, once however often its message is delivered. */
export interface SumTableDefinition<R, Name extends string = string> extends AnyTableDefinition<R, Name> {
  readonly mode: 'sum'
  /** The columns of the primary key, or of a unique index. All others are sums: smallint, integer, bigint, numeric. */
  readonly key: readonly NoInfer<Name>[]
}

/** Of each key the row with the greatest version stays. */
export interface NewestTableDefinition<R, Name extends string = string> extends AnyTableDefinition<R, Name> {
  readonly mode?: 'newest'
  /** The columns of the primary key, or of a unique index. */
  readonly key: readonly NoInfer<Name>[]
  /**
   * Which of two rows is newer: integers and times, compared in this order. The last may be a text, compared as UTF-8 bytes.
   * Between equal versions the database decides by all other columns, so that every order of arrival ends in the same row.
   */
  readonly version: readonly NoInfer<Name>[]
  /** Where messages may say that a row is gone. */
  readonly delete?: {
    /** Whether a row says so: then no more is read of it than key, version and mark. */
    when(row: R): boolean
    /** `hard`, the default, deletes the row; with a column it stays, and has there what the message gives. */
    readonly mode?: 'hard' | { readonly column: NoInfer<Name> }
  }
}

/** A pipeline as it is written down. */
export interface PipelineDefinition<R, Name extends string, Table = TableDefinition<R, Name>> {
  /** Lower-case letters, digits and hyphens: the label of metrics and logs, and where its dead letters belong. */
  readonly name: string
  /**
   * Ids in the configured project, or full names: `projects/P/topics/T`, `projects/P/subscriptions/S`. With an emulator both
   * are created.
   */
  readonly topic: string
  readonly subscription: string
  readonly table: Table
  /**
   * Makes rows of a message: one, several (an array, which may be empty), a {@link Rejection}, or an {@link Ignored}. It
   * should not throw: a message for which it does becomes a dead letter with the reason `decoder-error`.
   */
  readonly decode: (delivery: Delivery, limits: DecodeLimits) => Decoded<R>
  /** The reasons that `decode` may give: few and fixed, since each is the value of a metric's label. */
  readonly rejections?: readonly string[]
  /** The rules by which `decode` ignores messages or records: few and fixed likewise. */
  readonly ignoreRules?: readonly string[]
  /**
   * To be raised when the key or the version of a record changes its meaning: what Redis knows of older formats is then
   * ignored.
   */
  readonly format?: number
  /** How long a record waits for its batch to fill, where the configuration does not say; by default 100 ms. */
  readonly flushIntervalMs?: number
  /** How people name a record, and how it is shown to them. By default by its columns. */
  readonly inspector?: RecordInspector
  /** The folder of the SQL files that make its tables: `new URL('./migrations/', import.meta.url)`. */
  readonly migrations?: URL
}

/** The pipeline of a definition that is right: `define-pipeline.ts` checks it first. */
export function makePipeline<R, const Name extends string>(
  definition: PipelineDefinition<R, Name, PostgresTable<R, Name>>,
): TablePipeline<R> {
  const {
    name,
    topic,
    subscription,
    table,
    rejections = [],
    ignoreRules,
    format = 1,
    flushIntervalMs,
    migrations,
  } = definition
  const decode = countsOnce(table) ? identifiable(definition.decode) : definition.decode
  return {
    [mark]: true,
    name,
    format,
    source: { kind: 'pubsub', topicId: topic, subscriptionId: subscription },
    ...(flushIntervalMs === undefined ? {} : { flushIntervalMs }),
    decode,
    rejections: countsOnce(table) ? [...rejections, badIdentity] : rejections,
    ...(ignoreRules === undefined ? {} : { ignoreRules }),
    merge: countsOnce(table) ? identified(table) : newest(table),
    sink: table,
    inspector: definition.inspector ?? tableInspector({ name, table, decode }),
    ...(migrations === undefined ? {} : { migrations }),
  }
}

/** The decoder of a pipeline whose records count once: a message whose identity cannot be read has none. */
function identifiable<R>(decode: Pipeline<R>['decode']): Pipeline<R>['decode'] {
  return (delivery, limits) => {
    const identity = identityOf(delivery)
    return isRejection(identity) ? identity : decode(delivery, limits)
  }
}
