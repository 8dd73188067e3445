import { isMappingPath } from '#config/names.ts'
import { loadPipeline, pipelineNames } from '#connect/pipelines.ts'
import type { LoadedPipeline } from '#core/pipeline.ts'
import { unboundPipeline } from '#pipeline/mapping/mapped-pipeline.ts'
import { MappingError } from '#pipeline/mapping/mapping-error.ts'
import type { ParsedMapping } from '#pipeline/mapping/read-mapping.ts'
import { readMapping } from '#pipeline/mapping/read-mapping.ts'

/** What a file says a pipeline is. */
export interface Definition {
  /** As it was named. */
  readonly file: string
  readonly pipeline: LoadedPipeline
  /** Of a mapping file. A module has no places. */
  readonly parsed?: ParsedMapping
}

/**
 * @throws MappingError with all that the file itself shows to be wrong
 * @throws ConfigurationError where there is no such file, or a module that cannot be loaded
 */
export async function readDefinition(file: string): Promise<Definition> {
  if (!isMappingPath(file)) return { file, pipeline: await loadPipeline(file) }
  const parsed = readMapping(file)
  const { name } = parsed.mapping
  if (pipelineNames.includes(name)) {
    const what = `${name} is taken by a built-in pipeline`
    const place = parsed.placeOf(['name'])
    throw new MappingError(file, [{ ...place, member: 'name', what, fix: 'give it another' }])
  }
  return { file, pipeline: unboundPipeline(parsed), parsed }
}
