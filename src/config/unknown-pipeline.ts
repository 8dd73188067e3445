import type { Malformed } from './fault.ts'
import { mayHoldSecret, quoted, shownValue } from './shown.ts'

/** The pipeline that is ingested where nothing is said. Here, and not in `spec.ts`, for help, which loads no validators. */
export const defaultPipeline = 'scans'

/** The option of the command line that goes before the variables: faults of its values have its name. */
export const pipelineOption = '--pipeline'

export type NamesPipelines = 'INGESTER_PIPELINE' | 'INGESTER_PIPELINES' | typeof pipelineOption

/** What is wrong with the name of a pipeline that does not exist. */
export function unknownPipeline(
  name: string,
  available: readonly string[],
  variable: NamesPipelines = 'INGESTER_PIPELINE',
): Malformed {
  const which = mayHoldSecret(name) ? 'pipeline, whose name is not repeated here' : `pipeline ${quoted(name)}`
  const rule = `unknown ${which} (available: ${available.join(', ')}; or the path of a mapping file or a module: orders.pipeline.yaml, ./orders.ts)`
  return { kind: 'malformed', variable, rule }
}

/** What may be given to the option at a time. In a variable a comma separates several; here it would be part of a path. */
export const isOneReference = (text: string) => text.trim() !== '' && !text.includes(',')

/** What is wrong with a value of the option that is none or several. */
export function notOneReference(text: string): Malformed {
  return {
    kind: 'malformed',
    variable: pipelineOption,
    rule: `must be one name or path${text.includes(',') ? ', without a comma' : ''}`,
    value: shownValue(text),
    advice: 'for several pipelines repeat it',
  }
}
