import type { loadRedriveConfig } from '#config/config.ts'
import { ConfigurationError, UnreachableError, messageOf } from '#core/failure.ts'
import { noLogger } from '#core/logger.ts'
import type { SelectedLetter } from '#postgres/dead-letters.ts'
import { checkTopic, missingTopic } from '#pubsub/admin.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { connectPubsub, grpcStatus, statusOf } from '#pubsub/client.ts'
import type { Conversation, Preview, Selection } from './dead-letters.ts'
import { fixLetters, onTable, previewLetters, writing } from './dead-letters.ts'
import { pipelineNamed } from './pipelines.ts'
import type { RedriveSummary, RedriveUser, Run } from './redrive-batch.ts'
import { PublishTrouble, isHopeless, redriveBatch } from './redrive-batch.ts'
import { Startup } from './startup.ts'

type RedriveConfig = ReturnType<typeof loadRedriveConfig>

/** How a redrive ended. */
export interface Redriven {
  /** Full name. */
  readonly topic: string
  readonly summary: Readonly<RedriveSummary>
  /** Why it could not go on; what was published until then stays marked. */
  readonly trouble?: Error
}

/** One transaction holds so many letters, and of their bytes so many unless one alone has more. */
const batchLetters = 500
const batchBytes = 8_000_000

const cutNote = 'it cannot be published: of its data only the first 64 KiB were kept'

/** Of the pipeline that is named, or configured: what `--dry-run` tells. */
export async function previewRedrive(
  config: RedriveConfig,
  selection: Selection,
  user: Pick<Conversation, 'note'>,
  show: number,
): Promise<Preview & { readonly topic: string }> {
  const { pipeline, topicId } = targetOf(config, selection)
  const preview = await previewLetters(config, { ...selection, pipeline }, user, show)
  return { topic: `projects/${config.pubsub.projectId}/topics/${topicId}`, ...preview }
}

/**
 * Publishes letters to their pipeline's topic, with the attributes and the ordering key they had and one attribute
 * more. Undefined: the user did not agree.
 *
 * @throws ConfigurationError, UnreachableError before anything is published; later it is {@link Redriven.trouble}
 */
export async function redriveLetters(
  config: RedriveConfig,
  selection: Selection,
  user: RedriveUser,
): Promise<Redriven | undefined> {
  const { pipeline, topicId } = targetOf(config, selection)
  const selected = await fixLetters(config, { ...selection, pipeline }, user)
  const clients = await connectPubsub(config.pubsub)
  await using _ = { [Symbol.asyncDispose]: () => clients.close() }
  const topic = await reachTopic(config, clients, topicId, user)

  const whole = selected.filter(({ cut }) => !cut)
  for (const { id, cut } of selected) if (cut) user.note(id, cutNote)
  const summary: RedriveSummary = {
    selected: selected.length,
    published: 0,
    skipped: selected.length - whole.length,
    failed: 0,
    left: whole.length,
  }
  if (whole.length === 0) return { topic, summary }
  if (!(await user.agree(whole.length, topic))) return undefined
  const about = { broker: serviceOf(config.pubsub), patienceMs: config.startupTimeoutMs, topic, summary }
  const run = { ...about, clients, status: selection.status, user }
  const end = await onTable(config, writing, (client) => redriveAll({ client, ...run }, whole)).catch(
    (error: unknown) => error,
  )
  return end === undefined
    ? { topic, summary }
    : { topic, summary, trouble: explained(end, config, clients, topicId) }
}

/** Returns the broker's trouble, if there is any: thrown from here it would be taken for PostgreSQL's. */
async function redriveAll(run: Run, letters: readonly SelectedLetter[]) {
  try {
    for (const ids of batchesOf(letters)) {
      if (run.user.stop.aborted) return
      await redriveBatch(run, ids)
      run.user.progress(letters.length - run.summary.left, letters.length)
    }
  } catch (error) {
    if (error instanceof PublishTrouble) return error
    throw error
  }
}

/** INGESTER_TOPICID is the topic of INGESTER_PIPELINE; of any other pipeline we know only its own. */
function targetOf({ pipeline: configured, pubsub }: RedriveConfig, { pipeline = configured }: Selection) {
  const { source } = pipelineNamed(pipeline)
  if (pipeline === configured) return { pipeline, topicId: pubsub.topicId ?? source.topicId }
  if (pubsub.topicId === undefined) return { pipeline, topicId: source.topicId }
  throw new ConfigurationError(
    `INGESTER_TOPICID is the topic of the pipeline ${configured}; to redrive ${pipeline} set INGESTER_PIPELINE=${pipeline} and its own topic`,
  )
}

function reachTopic(
  { pubsub, startupTimeoutMs }: RedriveConfig,
  clients: PubsubClients,
  topicId: string,
  user: RedriveUser,
): Promise<string> {
  const warn = (fields: object, message: string) =>
    user.tell('error' in fields ? `${message}: ${String(fields.error)}` : message)
  const startup = new Startup(startupTimeoutMs, { ...noLogger, warn }, user.stop)
  return startup.reach(serviceOf(pubsub), reachMend, () => checkTopic(clients, topicId), isHopeless)
}

const reachMend =
  'check INGESTER_PROJECTID, PUBSUB_EMULATOR_HOST and the credentials (GOOGLE_APPLICATION_CREDENTIALS)'

function serviceOf({ emulatorHost }: RedriveConfig['pubsub']): string {
  return emulatorHost ? `the Pub/Sub emulator at ${emulatorHost}` : 'Pub/Sub'
}

function* batchesOf(letters: readonly SelectedLetter[]): Generator<number[]> {
  let batch: number[] = []
  let total = 0
  for (const { id, bytes } of letters) {
    if (batch.length > 0 && (batch.length >= batchLetters || total + bytes > batchBytes)) {
      yield batch
      batch = []
      total = 0
    }
    batch.push(id)
    total += bytes
  }
  if (batch.length > 0) yield batch
}

function explained(
  error: unknown,
  { pubsub }: RedriveConfig,
  clients: PubsubClients,
  topicId: string,
): Error {
  if (!(error instanceof PublishTrouble)) return error instanceof Error ? error : new Error(messageOf(error))
  const { cause } = error
  if (statusOf(cause) === grpcStatus.notFound) return missingTopic(clients, topicId)
  const where = `${serviceOf(pubsub)}: ${error.message}`
  if (isHopeless(cause)) {
    const mend = `check the topic ${topicId}, and that the credentials may publish to it (roles/pubsub.publisher)`
    return new ConfigurationError(`${where}; ${mend}`, { cause })
  }
  return new UnreachableError(`${where}; ${reachMend}`, { cause })
}
