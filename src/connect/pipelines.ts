import { fileURLToPath } from 'node:url'
import { faultText } from '#config/fault-text.ts'
import { isPipelinePath } from '#config/names.ts'
import type { NamesPipelines } from '#config/unknown-pipeline.ts'
import { pipelineOption, unknownPipeline } from '#config/unknown-pipeline.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { Pipeline, RecordKey, TableOrigin } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { pipelines } from '#pipeline/registry.ts'
import { subscriptionName } from '#pubsub/resource-names.ts'

/** Those that need no file of the user's. */
export const builtInPipelines: readonly Pipeline[] = pipelines
export const pipelineNames: readonly string[] = pipelines.map(({ name }) => name)

/**
 * The pipeline of that name, or of the module at that path.
 *
 * @param namedBy where the reference stands, for the error
 * @throws ConfigurationError
 */
export async function loadPipeline(reference: string, namedBy?: NamesPipelines): Promise<Pipeline> {
  const builtIn = pipelines.find(({ name }) => name === reference)
  if (builtIn) return builtIn
  if (!isPipelinePath(reference))
    throw new ConfigurationError(faultText(unknownPipeline(reference, pipelineNames, namedBy)))
  const { loadModule } = await import('#pipeline/module.ts')
  const pipeline = await loadModule(reference)
  if (pipelineNames.includes(pipeline.name))
    throw new ConfigurationError(
      `${reference}: the name ${pipeline.name} is taken by a built-in pipeline; give it another`,
    )
  return { ...pipeline, sink: { ...pipeline.sink, origin: originOf(reference, pipeline) } }
}

function originOf(module: string, { migrations }: Pipeline): TableOrigin {
  return { module, ...(migrations === undefined ? {} : { migrations: fileURLToPath(migrations) }) }
}

/**
 * Several, in the order that they were named.
 *
 * @param projectId the configured one, which ids are of: without it, of two spellings of one subscription nobody can tell
 * @throws ConfigurationError, also where two of them have one name or one subscription
 */
export async function loadPipelines(
  references: readonly string[],
  projectId?: string,
): Promise<readonly Pipeline[]> {
  const loaded: Pipeline[] = []
  for (const reference of references) {
    const pipeline = await loadPipeline(reference)
    for (const [at, other] of loaded.entries()) {
      const what = shared(other, pipeline, projectId)
      if (what !== undefined)
        throw new ConfigurationError(
          `${references[at]} and ${reference} have the same ${what}: each pipeline needs its own`,
        )
    }
    loaded.push(pipeline)
  }
  return loaded
}

/** What two pipelines cannot both have. */
function shared(one: Pipeline, other: Pipeline, projectId = ''): string | undefined {
  if (one.name === other.name) return `name, ${one.name}`
  // What one of them has deleted the other would bring back.
  if (one.sink.name === other.sink.name && (one.sink.deletes || other.sink.deletes))
    return `table, ${one.sink.name}, from which messages delete`
  const [name, othersName] = [one, other].map(({ source }) =>
    subscriptionName(projectId, source.subscriptionId),
  )
  if (name !== othersName) return undefined
  const { subscriptionId } = one.source
  return `subscription, ${subscriptionId === other.source.subscriptionId ? subscriptionId : name}`
}

/**
 * The one that a command is about: by its name or its path, or the one that is configured.
 *
 * @throws ConfigurationError, also where several are configured and none is named
 */
export async function chosenPipeline(
  configured: readonly string[],
  wanted: string | undefined,
): Promise<Pipeline> {
  if (wanted === undefined) return await loadPipeline(onlyOf(configured))
  if (isPipelinePath(wanted) || pipelineNames.includes(wanted))
    return await loadPipeline(wanted, pipelineOption)
  // A module that is configured is found by its name, too.
  const named = (await loadPipelines(configured)).find(({ name }) => name === wanted)
  return named ?? (await loadPipeline(wanted, pipelineOption))
}

/** The name that a pipeline's dead letters have, of its name or its path. */
export async function pipelineNameOf(reference: string | undefined): Promise<string | undefined> {
  if (reference === undefined || !isPipelinePath(reference)) return reference
  return (await loadPipeline(reference)).name
}

function onlyOf(references: readonly string[]): string {
  const [reference, ...others] = references
  if (reference !== undefined && others.length === 0) return reference
  throw new ConfigurationError(
    `several pipelines are configured: name the one that is meant with --pipeline (${references.join(', ')})`,
  )
}

/** How a person names a record of the pipeline: `<ip> <port> <service>`. */
function keyWords({ sink, inspector }: Pick<Pipeline, 'sink' | 'inspector'>): string {
  const isNamed = inspector.example.some((word) => word.includes('='))
  return sink.key.map((column) => (isNamed ? `${column}=<value>` : `<${column}>`)).join(' ')
}

/** Of each built-in pipeline, with an example. */
export const keyUsages: readonly { pipeline: string; words: string; example: string }[] = pipelines.map(
  (pipeline) => ({
    pipeline: pipeline.name,
    words: keyWords(pipeline),
    example: pipeline.inspector.example.join(' '),
  }),
)

/**
 * The key that the words of a command line mean.
 *
 * @throws ConfigurationError that names the wrong word and shows an example
 */
export function keyNamed(pipeline: Pipeline, words: readonly string[]): RecordKey {
  const { name, sink, inspector } = pipeline
  const fix = `name a record of the pipeline ${name} by ${keyWords(pipeline)}, for example: ${inspector.example.join(' ')}`
  const wanted = sink.key.length
  if (words.length !== wanted) {
    throw new ConfigurationError(
      `a key has ${wanted} words here, not ${words.length} (quote one that has spaces); ${fix}`,
    )
  }
  const key = inspector.keyOf(words)
  if (isRejection(key)) throw new ConfigurationError(`${key.detail}; ${fix}`)
  return key
}
