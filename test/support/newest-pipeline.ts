import type { Newest } from '#pipeline/newest.ts'
import type { TablePipeline } from '#pipeline/make-pipeline.ts'

/** A pipeline that keeps the newest row of each key: where its rows come from does not matter. */
export interface NewestPipeline<R = unknown> extends TablePipeline<R> {
  readonly merge: Newest<R>
}

/** As one of these: its table has versions. */
export function newestPipeline<R>(pipeline: TablePipeline<R>): NewestPipeline<R> {
  return pipeline as NewestPipeline<R>
}
