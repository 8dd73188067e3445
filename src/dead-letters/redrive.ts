import { writeDuration } from '#config/values.ts'
import { brokerName, pubsubHint, reachClients } from '#connect/pubsub.ts'
import { Startup } from '#connect/startup.ts'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { advice, command } from '#core/advice.ts'
import { noLogger } from '#core/logger.ts'
import type { SelectedDeadLetter } from '#postgres/dead-letters.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { grpcStatus, statusOf } from '#pubsub/client.ts'
import type { RedriveSummary, RedriveUser, Run } from './redrive-batch.ts'
import { PublishError, isNonRetryable, redriveBatch } from './redrive-batch.ts'
import type { RedriveConfig, RedriveSelection, Target } from './redrive-target.ts'
import { confirmTopic, originOf, reachTopic, targetOf } from './redrive-target.ts'
import type { Preview } from './selection.ts'
import { previewOf, resolveSelection } from './selection.ts'
import { withDeadLetterTable, updateRights } from './table.ts'

/** How a redrive ended. */
export interface Redriven {
  /** Full name. */
  readonly topic: string
  readonly summary: Readonly<RedriveSummary>
  /** Why it ended early; what was published until then stays marked. */
  readonly error?: Error
}

/** Limits of one transaction; a single dead letter may have more bytes. */
const maxBatchDeadLetters = 500
const batchBytes = 8_000_000

const cutNote = 'it cannot be published: of its data only the first 64 KiB were kept'

/**
 * What `--dry-run` shows, for the pipeline that is named or configured.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function previewRedrive(
  config: RedriveConfig,
  selection: RedriveSelection,
  user: Pick<RedriveUser, 'warn' | 'report' | 'stop'>,
  show: number,
): Promise<Preview & { readonly topic: string }> {
  const target = await targetOf(config, selection)
  const startup = startupFor(config, user)
  await using clients = await connected(startup, config)
  const topic = await reachTopic(startup, config, clients, target, user)
  const wanted = { ...selection, ...originOf(config, target, selection), pipeline: target.pipeline }
  const selected = await resolveSelection(config, wanted, user)
  if (!selection.asNew) reportOld(user, target, publishableOf(selected))
  return { topic, ...(await previewOf(config, selected, show)) }
}

/**
 * Publishes dead letters to the topic of their pipeline's subscription, with the attributes and the ordering key they
 * had, and attributes that say which message each repeats and how often it was redriven. Undefined: the user did not confirm it.
 *
 * @throws ConfigurationError, UnreachableError before anything is published; later it is {@link Redriven.error}
 */
export async function redriveDeadLetters(
  config: RedriveConfig,
  selection: RedriveSelection,
  user: RedriveUser,
): Promise<Redriven | undefined> {
  const target = await targetOf(config, selection)
  const wanted = { ...selection, ...originOf(config, target, selection), pipeline: target.pipeline }
  const selected = await resolveSelection(config, wanted, user)
  const startup = startupFor(config, user)
  await using clients = await connected(startup, config)
  const topic = await reachTopic(startup, config, clients, target, user)

  for (const { id, cut, foreign } of selected) {
    if (cut) user.warn(id, cutNote)
    else if (foreign !== null) user.warn(id, foreignNote(foreign, wanted.subscription))
  }
  const publishable = publishableOf(selected)
  const summary: RedriveSummary = {
    selected: selected.length,
    published: 0,
    skipped: selected.length - publishable.length,
    failed: 0,
    left: publishable.length,
  }
  if (publishable.length === 0) return { topic, summary }
  if (!selection.asNew) reportOld(user, target, publishable)
  if (!(await user.confirm(publishable.length, topic))) return undefined
  const run: Omit<Run, 'client'> = {
    broker: brokerName(config.pubsub),
    timeoutMs: config.startupTimeoutMs,
    topic,
    summary,
    clients,
    confirmTopic: () => confirmTopic(clients, target, topic),
    status: selection.status,
    asNew: selection.asNew === true,
    user,
  }
  const end = await withDeadLetterTable(config, updateRights, (client) =>
    redriveAll({ client, ...run }, publishable),
  ).catch((error: unknown) => error)
  return end === undefined ? { topic, summary } : { topic, summary, error: explained(end, config, topic) }
}

function publishableOf(selected: readonly SelectedDeadLetter[]): readonly SelectedDeadLetter[] {
  return selected.filter(({ cut, foreign }) => !cut && foreign === null)
}

/** They carry the time at which they were published first. */
function reportOld(
  user: Pick<RedriveUser, 'report'>,
  { horizon }: Target,
  deadLetters: readonly SelectedDeadLetter[],
): void {
  if (!horizon) return
  const sinceMs = Date.now() - horizon.ms
  const old = deadLetters.filter(({ publishedMs }) => publishedMs < sinceMs).length
  if (old > 0)
    user.report(
      `${old} were published longer ago than ${horizon.variable} (${writeDuration(horizon.ms)}): they ${horizon.beyond}; --as-new publishes them as new messages`,
    )
}

/** Reports to the user, not to a log, what it waits for. */
function startupFor(
  { startupTimeoutMs }: RedriveConfig,
  user: Pick<RedriveUser, 'report' | 'stop'>,
): Startup {
  const warn = (fields: object, message: string) =>
    user.report('error' in fields ? `${message}: ${String(fields.error)}` : message)
  return new Startup(startupTimeoutMs, { ...noLogger, warn }, user.stop)
}

async function connected(
  startup: Startup,
  { pubsub }: RedriveConfig,
): Promise<PubsubClients & AsyncDisposable> {
  const clients = await reachClients(startup, pubsub)
  return { ...clients, [Symbol.asyncDispose]: () => clients.close() }
}

/** Returns the broker's error, if there is one: thrown from here it would be taken for PostgreSQL's. */
async function redriveAll(run: Run, deadLetters: readonly SelectedDeadLetter[]) {
  try {
    for (const ids of batchesOf(deadLetters)) {
      if (run.user.stop.aborted) return
      await redriveBatch(run, ids)
      run.user.progress(deadLetters.length - run.summary.left, deadLetters.length)
    }
  } catch (error) {
    if (error instanceof PublishError) return error
    throw error
  }
}

/** The consumers of the subscription that it came from would not get it. */
const foreignNote = (foreign: string, subscription: string | undefined) =>
  `it came from the subscription ${foreign}, not from ${subscription}; set INGESTER_PROJECTID and INGESTER_SUBSCRIPTIONID to that one, or add --any-subscription to publish it for this one`

function* batchesOf(deadLetters: readonly SelectedDeadLetter[]): Generator<number[]> {
  let batch: number[] = []
  let total = 0
  for (const { id, bytes } of deadLetters) {
    if (batch.length > 0 && (batch.length >= maxBatchDeadLetters || total + bytes > batchBytes)) {
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
  if (!(error instanceof PublishError)) return error instanceof Error ? error : new Error(messageOf(error))
  const { cause } = error
  if (cause instanceof ConfigurationError) return cause
  const where = `${brokerName(pubsub)}: ${error.message}`
  if (statusOf(cause) === grpcStatus.notFound) {
    const fix = advice`run ${command('doctor')}, which has the lines that replace a subscription whose topic is gone`
    return new ConfigurationError(`there is no topic ${topic} any more`, { fixes: [fix], cause })
  }
  if (isNonRetryable(cause)) {
    const fix = advice`check that the credentials may publish to ${topic} (roles/pubsub.publisher)`
    return new ConfigurationError(where, { fixes: [fix], cause })
  }
  return new UnreachableError(where, { fixes: [pubsubHint], cause })
}
