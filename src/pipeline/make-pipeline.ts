import type { Delivery } from '#core/delivery.ts'
import type { DecodeLimits, Decoded, Pipeline, PostgresTable, RecordInspector } from '#core/pipeline.ts'
import type { Newest } from './newest.ts'
import { newest } from './newest.ts'
import { tableInspector } from './table-inspector.ts'

/** Known by it, also where the package is there twice. */
const mark: unique symbol = Symbol.for('pubsub-postgres-ingester.pipeline')

/** Whether it is one of these. */
export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && mark in value
}

/** A pipeline that keeps the newest row of each key in a table. */
export interface NewestPipeline<R = unknown> extends Pipeline<R> {
  readonly [mark]: true
  readonly merge: Newest<R>
}

/** A pipeline as it is written down. */
export interface PipelineDefinition<R, Name extends string> {
  /** Lower-case letters, digits and hyphens: the label of metrics and logs, and where its dead letters belong. */
  readonly name: string
  /** Ids in the configured project; with an emulator both are created. */
  readonly topic: string
  readonly subscription: string
  readonly table: PostgresTable<R, Name>
  /**
   * Makes rows of a message: one, several (an array, which may be empty), or a {@link Rejection}. It should not throw: a
   * message for which it does becomes a dead letter with the reason `decoder-error`.
   */
  readonly decode: (delivery: Delivery, limits: DecodeLimits) => Decoded<R>
  /** The reasons that `decode` may give: few and fixed, since each is the value of a metric's label. */
  readonly rejections?: readonly string[]
  /**
   * To be raised when the key or the version of a record changes its meaning: what Redis knows of older formats is then
   * ignored.
   */
  readonly format?: number
  /** How people name a record, and how it is shown to them. By default by its columns. */
  readonly inspector?: RecordInspector
  /** The folder of the SQL files that make its tables: `new URL('./migrations/', import.meta.url)`. */
  readonly migrations?: URL
}

/** The pipeline of a definition that is right: `define-pipeline.ts` checks it first. */
export function makePipeline<R, const Name extends string>(
  definition: PipelineDefinition<R, Name>,
): NewestPipeline<R> {
  const { name, topic, subscription, table, decode, rejections = [], format = 1, migrations } = definition
  const merge = newest(table)
  return {
    [mark]: true,
    name,
    format,
    source: { kind: 'pubsub', topicId: topic, subscriptionId: subscription },
    decode,
    rejections,
    merge,
    sink: table,
    inspector: definition.inspector ?? tableInspector({ name, table, decode, merge }),
    ...(migrations === undefined ? {} : { migrations }),
  }
}
