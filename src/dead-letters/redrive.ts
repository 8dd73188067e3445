import type { loadRedriveConfig } from '#config/config.ts'
import { ConfigurationError, UnreachableError, messageOf } from '#core/failure.ts'
import { noLogger } from '#core/logger.ts'
import type { SelectedLetter } from '#postgres/dead-letters.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { grpcStatus, statusOf } from '#pubsub/client.ts'
import { attachedTopic } from '#pubsub/subscription-topic.ts'
import type { Preview, Selection } from './dead-letters.ts'
import { fixLetters, onTable, previewLetters, writing } from './dead-letters.ts'
import { pipelineNamed } from '#connect/pipelines.ts'
import { brokerName, pubsubHint, reachClients } from '#connect/pubsub.ts'
import type { RedriveSummary, RedriveUser, Run } from './redrive-batch.ts'
import { PublishTrouble, isNonRetryable, redriveBatch } from './redrive-batch.ts'
import { Startup } from '#connect/startup.ts'

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

/** Which letters to publish. */
export interface RedriveSelection extends Selection {
  /** Also those that came from another subscription than the one that is configured. */
  readonly anySubscription?: boolean | undefined
}

/**
 * Of the pipeline that is named, or configured: what `--dry-run` tells.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function previewRedrive(
  config: RedriveConfig,
  selection: RedriveSelection,
  user: Pick<RedriveUser, 'note' | 'tell' | 'stop'>,
  show: number,
): Promise<Preview & { readonly topic: string }> {
  const target = targetOf(config, selection)
  const startup = startupFor(config, user)
  await using clients = await connected(startup, config)
  const topic = await reachTopic(startup, config, clients, target, user)
  const wanted = { ...selection, ...originOf(config, target, selection), pipeline: target.pipeline }
  return { topic, ...(await previewLetters(config, wanted, user, show)) }
}

/**
 * Publishes letters to the topic of their pipeline's subscription, with the attributes and the ordering key they had
 * and one attribute more. Undefined: the user did not agree.
 *
 * @throws ConfigurationError, UnreachableError before anything is published; later it is {@link Redriven.trouble}
 */
export async function redriveLetters(
  config: RedriveConfig,
  selection: RedriveSelection,
  user: RedriveUser,
): Promise<Redriven | undefined> {
  const target = targetOf(config, selection)
  const wanted = { ...selection, ...originOf(config, target, selection), pipeline: target.pipeline }
  const selected = await fixLetters(config, wanted, user)
  const startup = startupFor(config, user)
  await using clients = await connected(startup, config)
  const topic = await reachTopic(startup, config, clients, target, user)

  for (const { id, cut, foreign } of selected) {
    if (cut) user.note(id, cutNote)
    else if (foreign) user.note(id, foreignNote(wanted.subscription))
  }
  const publishable = selected.filter(({ cut, foreign }) => !cut && !foreign)
  const summary: RedriveSummary = {
    selected: selected.length,
    published: 0,
    skipped: selected.length - publishable.length,
    failed: 0,
    left: publishable.length,
  }
  if (publishable.length === 0) return { topic, summary }
  if (!(await user.agree(publishable.length, topic))) return undefined
  const run: Omit<Run, 'client'> = {
    broker: brokerName(config.pubsub),
    patienceMs: config.startupTimeoutMs,
    topic,
    summary,
    clients,
    confirmTopic: () => confirmTopic(clients, target, topic),
    status: selection.status,
    user,
  }
  const end = await onTable(config, writing, (client) => redriveAll({ client, ...run }, publishable)).catch(
    (error: unknown) => error,
  )
  return end === undefined ? { topic, summary } : { topic, summary, trouble: explained(end, config, topic) }
}

/** Tells the user, not a log, what it waits for. */
function startupFor({ startupTimeoutMs }: RedriveConfig, user: Pick<RedriveUser, 'tell' | 'stop'>): Startup {
  const warn = (fields: object, message: string) =>
    user.tell('error' in fields ? `${message}: ${String(fields.error)}` : message)
  return new Startup(startupTimeoutMs, { ...noLogger, warn }, user.stop)
}

async function connected(
  startup: Startup,
  { pubsub }: RedriveConfig,
): Promise<PubsubClients & AsyncDisposable> {
  const clients = await reachClients(startup, pubsub)
  return { ...clients, [Symbol.asyncDispose]: () => clients.close() }
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

interface Target {
  readonly pipeline: string
  readonly subscriptionId: string
  /** As the configuration has it: where it is set, the user hears if the subscription has another. */
  readonly topicId: string
  readonly topicIsSet: boolean
}

/** The variables name topic and subscription of INGESTER_PIPELINE; of any other pipeline we know only its own. */
function targetOf(
  { pipeline: configured, pubsub }: RedriveConfig,
  { pipeline = configured }: Selection,
): Target {
  const { source } = pipelineNamed(pipeline)
  const { topicId, subscriptionId } = pubsub
  if (pipeline !== configured && (topicId ?? subscriptionId) !== undefined) {
    const name = topicId === undefined ? 'INGESTER_SUBSCRIPTIONID' : 'INGESTER_TOPICID'
    throw new ConfigurationError(
      `${name} is of the pipeline ${configured}; to redrive ${pipeline} set INGESTER_PIPELINE=${pipeline} and its own names`,
    )
  }
  return {
    pipeline,
    subscriptionId: subscriptionId ?? source.subscriptionId,
    topicId: topicId ?? source.topicId,
    topicIsSet: topicId !== undefined,
  }
}

function originOf(
  { pubsub }: RedriveConfig,
  { subscriptionId }: Target,
  { anySubscription }: RedriveSelection,
): { readonly subscription: string | undefined } {
  const own = `projects/${pubsub.projectId}/subscriptions/${subscriptionId}`
  return { subscription: anySubscription === true ? undefined : own }
}

/** Whoever consumes the subscription that it came from would not get it. */
const foreignNote = (subscription: string | undefined) =>
  `it came from another subscription than ${subscription}; set INGESTER_PROJECTID and INGESTER_SUBSCRIPTIONID to that one, or add --any-subscription to publish it for this one`

async function reachTopic(
  startup: Startup,
  { pubsub }: RedriveConfig,
  clients: PubsubClients,
  target: Target,
  user: Pick<RedriveUser, 'tell'>,
): Promise<string> {
  const topic = await startup.reach(
    brokerName(pubsub),
    pubsubHint,
    () => attachedTopic(clients, target),
    isNonRetryable,
  )
  const { topicId, topicIsSet, subscriptionId } = target
  if (topicIsSet && topic !== `projects/${pubsub.projectId}/topics/${topicId}`)
    user.tell(
      `INGESTER_TOPICID says ${topicId}, but the subscription ${subscriptionId} is attached to ${topic}`,
    )
  return topic
}

/** @throws ConfigurationError where what was published to the topic may not have reached the subscription */
async function confirmTopic(clients: PubsubClients, target: Target, topic: string): Promise<void> {
  const now = await attachedTopic(clients, target)
  if (now === topic) return
  throw new ConfigurationError(
    `the subscription ${target.subscriptionId} was replaced and is attached to ${now} now, no longer to ${topic}; redrive again`,
  )
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

function explained(error: unknown, { pubsub }: RedriveConfig, topic: string): Error {
  if (!(error instanceof PublishTrouble)) return error instanceof Error ? error : new Error(messageOf(error))
  const { cause } = error
  if (cause instanceof ConfigurationError) return cause
  const where = `${brokerName(pubsub)}: ${error.message}`
  if (statusOf(cause) === grpcStatus.notFound) {
    const fix = 'run bin/ingester doctor, which has the lines that replace a subscription whose topic is gone'
    return new ConfigurationError(`there is no topic ${topic} any more: ${fix}`, { cause })
  }
  if (isNonRetryable(cause)) {
    const fix = `check that the credentials may publish to ${topic} (roles/pubsub.publisher)`
    return new ConfigurationError(`${where}; ${fix}`, { cause })
  }
  return new UnreachableError(`${where}; ${pubsubHint}`, { cause })
}
