import { unknownPipeline } from '#config/unknown-pipeline.ts'
import { faultText } from '#config/fault-text.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { RecordKey, Pipeline } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { pipelines } from '#pipeline/registry.ts'

export const pipelineNames: readonly string[] = pipelines.map(({ name }) => name)

/**
 * The pipeline of that name.
 *
 * @throws ConfigurationError that lists those there are
 */
export function pipelineNamed(name: string): Pipeline {
  const pipeline = pipelines.find((one) => one.name === name)
  if (pipeline) return pipeline
  throw new ConfigurationError(faultText(unknownPipeline(name, pipelineNames)))
}

/** For each pipeline how a person names a record of it: `<ip> <port> <service>`, and an example. */
export const keyUsages: readonly { pipeline: string; words: string; example: string }[] = pipelines.map(
  ({ name, sink, inspector }) => ({
    pipeline: name,
    words: sink.key.map((column) => `<${column}>`).join(' '),
    example: inspector.example.join(' '),
  }),
)

/**
 * The key that the words of a command line mean.
 *
 * @throws ConfigurationError that names the wrong word and shows an example
 */
export function keyNamed(pipeline: Pipeline, words: readonly string[]): RecordKey {
  const usage = keyUsages.find((one) => one.pipeline === pipeline.name)
  const fix = `name a record of the pipeline ${pipeline.name} by ${usage?.words}, for example: ${usage?.example}`
  const wanted = pipeline.sink.key.length
  if (words.length !== wanted) {
    throw new ConfigurationError(
      `a key has ${wanted} words here, not ${words.length} (quote one that has spaces); ${fix}`,
    )
  }
  const key = pipeline.inspector.keyOf(words)
  if (isRejection(key)) throw new ConfigurationError(`${key.detail}; ${fix}`)
  return key
}
