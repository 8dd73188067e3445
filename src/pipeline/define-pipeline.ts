import type { Pipeline, PostgresTable } from '#core/pipeline.ts'
import type { Newest } from './newest.ts'
import { newest } from './newest.ts'

/** A pipeline as it is written down: how its rows merge follows from its table. */
export interface PipelineDefinition<R, Name extends string> extends Omit<Pipeline<R>, 'merge' | 'sink'> {
  readonly sink: PostgresTable<R, Name>
}

/** A pipeline that keeps the newest row of each key. */
export interface NewestPipeline<R = unknown> extends Pipeline<R> {
  readonly merge: Newest<R>
}

/** Checks, in the types, that key and version name columns of the table, and that these can be read from a row. */
export function definePipeline<R, const Name extends string>(
  definition: PipelineDefinition<R, Name>,
): NewestPipeline<R> {
  return { ...definition, merge: newest(definition.sink) }
}
