import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { faultText } from '#config/fault-text.ts'
import { isMappingPath, isPipelinePath } from '#config/names.ts'
import type { NamesPipelines } from '#config/unknown-pipeline.ts'
import { defaultPipeline, pipelineOption, unknownPipeline } from '#config/unknown-pipeline.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { LoadedPipeline, Pipeline, RecordKey, TableOrigin, UnboundPipeline } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { tableName } from '#core/table-name.ts'
import { scans } from '#pipeline/scans.ts'
import { subscriptionName } from '#pubsub/resource-names.ts'
import { systems } from '#systems/registry.ts'
import { isUnbound } from '#core/pipeline.ts'

/** Those that need no file of the user's. */
export const builtInPipelines: readonly Pipeline[] = [
  scans,
  ...[...systems.values()].map(({ pipeline }) => pipeline),
]
export const pipelineNames: readonly string[] = builtInPipelines.map(({ name }) => name)

/** @throws Error where there is none of that name */
export function builtInPipeline(name: string): Pipeline {
  const found = builtInPipelines.find((one) => one.name === name)
  if (!found) throw new Error(`there is no built-in pipeline ${name}`)
  return found
}

/**
 * The pipeline of that name, or of the mapping file or the module at that path.
 *
 * @param namedBy where the reference stands, for the error
 * @throws ConfigurationError
 */
export async function loadPipeline(reference: string, namedBy?: NamesPipelines): Promise<LoadedPipeline> {
  const builtIn = builtInPipelines.find(({ name }) => name === reference)
  if (builtIn) return builtIn
  if (!isPipelinePath(reference))
    throw new ConfigurationError(faultText(unknownPipeline(reference, pipelineNames, namedBy)))
  const pipeline = await loadFile(reference)
  if (pipelineNames.includes(pipeline.name))
    throw new ConfigurationError(
      `${reference}: the name ${pipeline.name} is taken by a built-in pipeline; give it another`,
    )
  return pipeline
}

async function loadFile(path: string): Promise<LoadedPipeline> {
  if (isMappingPath(path)) {
    const { mappedPipeline } = await import('#pipeline/mapping/mapped-pipeline.ts')
    return mappedPipeline(path)
  }
  const { loadModule } = await import('#pipeline/module.ts')
  const pipeline = await loadModule(path)
  return { ...pipeline, sink: { ...pipeline.sink, origin: originOf(path, pipeline) } }
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
): Promise<readonly LoadedPipeline[]> {
  const loaded: LoadedPipeline[] = []
  for (const reference of references) {
    const pipeline = await loadPipeline(reference)
    for (const [at, other] of loaded.entries()) {
      const what = conflict(other, pipeline, projectId)
      if (what !== undefined) throw new ConfigurationError(`${references[at]} and ${reference} ${what}`)
    }
    loaded.push(pipeline)
  }
  return loaded
}

/** Why two pipelines cannot run in one process, as in a sentence after their names. */
function conflict(one: LoadedPipeline, other: LoadedPipeline, projectId = ''): string | undefined {
  if (one.name === other.name) return `have the same name, ${one.name}: each pipeline needs its own`
  const subscription = commonSubscription(one, other, projectId)
  if (subscription !== undefined)
    return `have the same subscription, ${subscription}: each pipeline needs its own`
  const isSameTable = isDeepStrictEqual(tableName(tableOf(one).name), tableName(tableOf(other).name))
  return isSameTable ? tableConflict(one, other) : undefined
}

/** The same of two pipelines that have one table. */
export function tableConflict(one: LoadedPipeline, other: LoadedPipeline): string | undefined {
  const [table, otherTable] = [tableOf(one), tableOf(other)]
  // What one of them has deleted the other would bring back.
  if (table.deletes || otherTable.deletes)
    return `have the same table, ${table.name}, from which messages delete: only one pipeline may write to it`
  const isSame = isDeepStrictEqual(orderOf(table), orderOf(otherTable))
  return isSame
    ? undefined
    : `have the same table, ${table.name}, with another mode, or other columns for its key or version`
}

/** As both have it, else its full name. */
function commonSubscription(
  one: LoadedPipeline,
  other: LoadedPipeline,
  projectId: string,
): string | undefined {
  const [id, otherId] = [one.source.subscriptionId, other.source.subscriptionId]
  const name = subscriptionName(projectId, id)
  if (name !== subscriptionName(projectId, otherId)) return undefined
  return id === otherId ? id : name
}

const tableOf = (pipeline: LoadedPipeline): UnboundPipeline['table'] =>
  isUnbound(pipeline) ? pipeline.table : { ...pipeline.sink, deletes: pipeline.sink.deletes !== undefined }

/** What becomes of a record, and what says which of two rows is newer. */
const orderOf = ({ mode = 'newest', key, version }: UnboundPipeline['table']) => [mode, new Set(key), version]

/**
 * The one that a command is about: by its name or its path, or the one that is configured.
 *
 * @throws ConfigurationError, also where several are configured and none is named
 */
export async function chosenPipeline(
  configured: readonly string[],
  wanted: string | undefined,
): Promise<LoadedPipeline> {
  if (wanted === undefined) return await loadPipeline(onlyOf(configured))
  if (isPipelinePath(wanted) || pipelineNames.includes(wanted))
    return await loadPipeline(wanted, pipelineOption)
  // A file that is configured is found by its name, too.
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

/** Of each built-in pipeline what chooses it on a command line (nothing for the default one), and its key with an example. */
export const keyUsages: readonly { pipeline: string; option: string; words: string; example: string }[] =
  builtInPipelines.map((pipeline) => ({
    pipeline: pipeline.name,
    option: pipeline.name === defaultPipeline ? '' : `${pipelineOption} ${pipeline.name} `,
    words: keyWords(pipeline),
    example: pipeline.inspector.example.join(' '),
  }))

/**
 * The key that the words of a command line mean.
 *
 * @param chosen how the pipeline was chosen on the command line; without it the error says how to choose another
 * @throws ConfigurationError that names the wrong word and shows an example
 */
export function keyNamed(pipeline: Pipeline, words: readonly string[], chosen?: string): RecordKey {
  const { name, sink, inspector } = pipeline
  const fix = [
    `name a record of the pipeline ${name} by ${keyWords(pipeline)}, for example: ${inspector.example.join(' ')}`,
    ...(chosen === undefined ? [otherPipelines(name)] : []),
  ].join('; ')
  const wanted = sink.key.length
  if (words.length !== wanted) {
    throw new ConfigurationError(
      `a key has ${wanted} ${wanted === 1 ? 'word' : 'words'} here, not ${words.length} (quote one that has spaces); ${fix}`,
    )
  }
  const key = inspector.keyOf(words)
  if (isRejection(key)) throw new ConfigurationError(`${key.detail}; ${fix}`)
  return key
}

function otherPipelines(name: string): string {
  const others = pipelineNames.filter((other) => other !== name)
  return `for a record of another pipeline add ${pipelineOption} (${others.join(', ')}, or the path of a file)`
}
