import { badValue } from '#core/dead-letter.ts'
import type { CheckedRow } from './checked-rows.ts'
import { checkedRows, undeclared } from './checked-rows.ts'
import { checkDefinition } from './definition-schema.ts'
import type { PipelineDefinition, TablePipeline } from './make-pipeline.ts'
import { makePipeline } from './make-pipeline.ts'

/**
 * A pipeline whose records become rows of a PostgreSQL table. The types check that key and version name
 * columns of the table, and that these can be read from a row; the rest is checked when it runs.
 *
 * @throws DefinitionError with everything that is wrong with it
 */
export function definePipeline<R, const Name extends string>(
  definition: PipelineDefinition<R, Name>,
): TablePipeline<CheckedRow> {
  checkDefinition(definition)
  const { decode, table, rejections = [], ...rest } = definition
  const declared = [...rejections, undeclared, badValue]
  return makePipeline({ ...rest, rejections: declared, ...checkedRows(decode, table, rejections) })
}
