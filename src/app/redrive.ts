// Publishing dead letters again, once their cause is mended.
//
// A letter is marked only after the broker has confirmed its message: marked before, a crash in between would lose it.
// A crash after the confirmation and before the commit of the mark leaves it unmarked, so that the next redrive
// publishes it a second time. That is harmless: the ingester takes duplicates for what they are.
//
// The rows of a batch are locked from before they are published until they are marked, so that of two redrives at the
// same time one publishes a letter and the other finds it marked. The other one waits for the lock: if it skipped
// what is locked, it would overtake the first one within an ordering key.
import type { loadRedriveConfig } from '#config/config.ts'
import type { DeadLetterStatus } from '#core/dead-letter.ts'
import { ConfigurationError, UnreachableError, messageOf } from '#core/failure.ts'
import { noLogger } from '#core/logger.ts'
import type { Queryable, SelectedLetter, WholeLetter } from '#postgres/dead-letters.ts'
import { inTransaction, lockLetters, markLetters, redriveCountAttribute } from '#postgres/dead-letters.ts'
import { checkTopic, missingTopic } from '#pubsub/admin.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { connectPubsub, grpcStatus, isPermanent, statusOf } from '#pubsub/client.ts'
import type { PublishOutcome } from '#pubsub/publish-apart.ts'
import { publishApart } from '#pubsub/publish-apart.ts'
import type { OutgoingMessage } from '#pubsub/publisher.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import { systemClock } from '#runtime/clock.ts'
import { retry } from '#runtime/retry.ts'
import type { Conversation, Preview, Selection } from './dead-letters.ts'
import { fixLetters, onTable, previewLetters, writing } from './dead-letters.ts'
import { pipelineNamed } from './pipelines.ts'
import { Startup } from './startup.ts'

type RedriveConfig = ReturnType<typeof loadRedriveConfig>

/** selected = published + skipped + failed + left. */
export interface RedriveSummary {
  selected: number
  /** Confirmed by the broker, and marked. */
  published: number
  /** Not publishable, or dealt with by somebody else meanwhile. */
  skipped: number
  /** Refused by the broker. */
  failed: number
  /** Not tried: it was stopped, or could not go on. */
  left: number
}

/** How a redrive ended. */
export interface Redriven {
  /** Full name. */
  readonly topic: string
  readonly summary: Readonly<RedriveSummary>
  /** Why it could not go on; what was published until then stays marked. */
  readonly trouble?: Error
}

export interface RedriveUser extends Omit<Conversation, 'agree'> {
  /** Whether to publish so many to this topic. */
  agree(count: number, topic: string): Promise<boolean>
  /** A line about the whole. */
  tell(line: string): void
  /** The user's wish to end: the batch in hand is finished. */
  readonly stop: AbortSignal
}

/** One transaction holds so many letters, and of their bytes so many unless one alone has more. */
const batchLetters = 500
const batchBytes = 8_000_000
/** Requests of different ordering keys do not wait for each other. */
const keysAtOnce = 16

const cutNote = 'it cannot be published: of its data only the first 64 KiB were kept'
const escapedNote =
  'its text is published as it stands in the table, where \\u0000 or \\ud800 may stand for a character that cannot be stored'

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
  const run = { clients, topic, status: selection.status, user, summary }
  const end = await onTable(config, writing, (client) => redriveAll({ client, ...run }, config, whole)).catch(
    (error: unknown) => error,
  )
  return end === undefined
    ? { topic, summary }
    : { topic, summary, trouble: explained(end, config, clients, topicId) }
}

/** Returns the broker's trouble, if there is any: thrown from here it would be taken for PostgreSQL's. */
async function redriveAll(run: Run, config: RedriveConfig, letters: readonly SelectedLetter[]) {
  try {
    for (const ids of batchesOf(letters)) {
      if (run.user.stop.aborted) return
      await redriveBatch(run, config, ids)
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

interface Run {
  readonly client: Queryable
  readonly clients: PubsubClients
  readonly topic: string
  /** Of the letters that were selected. */
  readonly status: DeadLetterStatus
  readonly user: RedriveUser
  readonly summary: RedriveSummary
}

/** Again and again, while the broker is only away for a moment; between two tries nothing is locked. */
async function redriveBatch(run: Run, { pubsub, startupTimeoutMs }: RedriveConfig, ids: number[]) {
  let rest = ids
  const attempt = async () => {
    const { dealtWith, trouble } = await publishAndMark(run, rest)
    rest = rest.filter((id) => !dealtWith.has(id))
    if (trouble !== undefined) throw new PublishTrouble(trouble)
  }
  await retry(attempt, {
    clock: systemClock,
    backoff: exponentialBackoff({ initialMs: 250, maxMs: 3000 }),
    withinMs: startupTimeoutMs,
    signal: run.user.stop,
    retryable: (error) => error instanceof PublishTrouble && !isHopeless(error.cause),
    onRetry: (error) => run.user.tell(`waiting for ${serviceOf(pubsub)}: ${messageOf(error)}`),
  })
}

interface Attempt {
  /** Published, refused or found to be somebody else's: not to be tried again. */
  readonly dealtWith: ReadonlySet<number>
  /** What kept the rest from being published. */
  readonly trouble?: unknown
}

async function publishAndMark(run: Run, ids: readonly number[]): Promise<Attempt> {
  const { client, status, user, summary } = run
  const { letters, outcomes } = await inTransaction(client, async () => {
    const letters = await lockLetters(client, ids, status)
    const outcomes = await publishByKey(run, letters)
    const published = outcomes.flatMap((outcome) => outcome.published)
    // Marked even where the rest of the batch was not taken.
    await markLetters(client, published, 'redriven')
    return { letters, outcomes }
  })
  const locked = new Set(letters.map(({ id }) => id))
  const others = ids.filter((id) => !locked.has(id))
  const published = outcomes.flatMap((outcome) => outcome.published)
  const refused = outcomes.flatMap((outcome) => outcome.refused)
  for (const id of others) user.note(id, 'somebody else has dealt with it meanwhile')
  for (const { id, why } of refused) user.note(id, `Pub/Sub refuses it: ${why}`)
  summary.published += published.length
  summary.failed += refused.length
  summary.skipped += others.length
  summary.left -= published.length + refused.length + others.length
  return {
    dealtWith: new Set([...others, ...published, ...refused.map(({ id }) => id)]),
    trouble: outcomes.find(({ trouble }) => trouble !== undefined)?.trouble,
  }
}

interface KeyOutcome {
  readonly published: readonly number[]
  readonly refused: readonly { readonly id: number; readonly why: string }[]
  readonly trouble: unknown
}

/** Letters of one key go out in order; one that the broker refuses for good does not hold up those after it. */
async function publishByKey({ clients, topic, user }: Run, letters: readonly WholeLetter[]) {
  const outcomes: KeyOutcome[] = []
  const groups = [...Map.groupBy(letters, ({ orderingKey }) => orderingKey).values()]
  for (let at = 0; at < groups.length; at += keysAtOnce) {
    const some = groups.slice(at, at + keysAtOnce)
    const results = await Promise.all(some.map((group) => publishApart(clients, topic, group.map(outgoing))))
    outcomes.push(...results.map((result, i) => ofLetters(result, some[i] as WholeLetter[])))
    if (results.some(({ trouble }) => trouble !== undefined)) break
  }
  const escaped = new Set(letters.filter((letter) => letter.escaped).map(({ id }) => id))
  for (const id of outcomes.flatMap(({ published }) => published))
    if (escaped.has(id)) user.note(id, escapedNote)
  return outcomes
}

/** The service sets these itself, on topics that have a schema, and takes them from nobody. */
const ofService = /^googclient_schema/

function outgoing({ data, attributes, orderingKey, redriveCount }: WholeLetter): OutgoingMessage {
  const own = Object.entries(attributes).filter(([name]) => !ofService.test(name))
  const count = [redriveCountAttribute, String(redriveCount + 1)]
  return { data, attributes: Object.fromEntries([...own, count]), orderingKey }
}

function ofLetters(
  { published, refused, trouble }: PublishOutcome,
  letters: readonly WholeLetter[],
): KeyOutcome {
  const idAt = (at: number) => (letters[at] as WholeLetter).id
  return {
    published: published.map(idAt),
    refused: refused.map(({ at, why }) => ({ id: idAt(at), why })),
    trouble,
  }
}

/** The broker does not take what it is given, whatever that is. */
class PublishTrouble extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
    this.name = 'PublishTrouble'
  }
}

/** Somebody has to act: waiting mends none of these. */
function isHopeless(error: unknown): boolean {
  const status = statusOf(error)
  return (
    isPermanent(error) || status === grpcStatus.unauthenticated || status === grpcStatus.failedPrecondition
  )
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
