import { ConfigurationError } from '#core/failure.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { pipelines } from '#pipeline/registry.ts'

/**
 * The pipeline of that name.
 *
 * @throws ConfigurationError that lists those there are
 */
export function pipelineNamed(name: string): Pipeline {
  const pipeline = pipelines.find((one) => one.name === name)
  if (pipeline) return pipeline
  const known = pipelines.map((one) => one.name).join(', ')
  throw new ConfigurationError(`INGESTER_PIPELINE: there is no pipeline "${name}"; there are: ${known}`)
}
