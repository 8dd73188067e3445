import { badValue } from '#core/dead-letter.ts'
import type { CheckedRow } from './checked-rows.ts'
import { checkedRows, undeclared } from './checked-rows.ts'
import { checkDefinition } from './definition-schema.ts'
import type { NewestPipeline, PipelineDefinition } from './make-pipeline.ts'
import { makePipeline } from './make-pipeline.ts'

/**
 * A pipeline that keeps the newest row of each key in a PostgreSQL table. The types check that key and version name
 * columns of the table, and that these can be read from a row; the rest is checked when it runs.
 *
 * @throws DefinitionError with everything that is wrong with it
 */
export function definePipeline<R, const Name extends string>(
  definition: PipelineDefinition<R, Name>,
): NewestPipeline<CheckedRow> {
  checkDefinition(definition)
  const { decode, table, rejections = [], ...rest } = definition
  const declared = [...rejections, undeclared, badValue]
  return makePipeline({ ...rest, rejections: declared, ...checkedRows(decode, table, rejections) })
}
