// Publishing dead letters again, once their cause is fixed.
//
// A dead letter is marked only after the broker has confirmed its message and the subscription is still attached to the
// topic. Marked earlier, a crash in between would lose it; and a message published to a topic without the subscription
// reaches no subscriber. A crash between the confirmation and the commit of the mark leaves it unmarked, so that the next
// redrive publishes it again. That is harmless: the ingester recognizes duplicates, also of records that count once each,
// since what is published carries the identity of the message that it repeats (core/identity.ts).
//
// The rows of a batch are locked from before they are published until they are marked, so that of two concurrent
// redrives one publishes a dead letter and the other finds it marked. The other waits for the lock: skipping locked
// rows, it would overtake the first within an ordering key.
import { ConfigurationError } from '#core/command-error.ts'
import type { DeadLetterStatus } from '#core/dead-letter.ts'
import { messageOf } from '#core/error-message.ts'
import { identityAttributes, repeatedBy } from '#core/identity.ts'
import { lockDeadLetters, markDeadLetters } from '#postgres/dead-letter-status.ts'
import { explain } from '#connect/explain.ts'
import type { DeadLetterDetail } from '#postgres/dead-letters.ts'
import { redriveCountAttribute } from '#postgres/dead-letters.ts'
import type { Transactional } from '#postgres/transaction.ts'
import { inTransaction } from '#postgres/transaction.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { grpcStatus, isPermanent, statusOf } from '#pubsub/client.ts'
import type { PublishOutcome } from '#pubsub/publish-isolating-failures.ts'
import { publishIsolatingFailures } from '#pubsub/publish-isolating-failures.ts'
import type { OutgoingMessage } from '#pubsub/publisher.ts'
import { maxAttributes } from '#pubsub/publisher.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import { systemClock } from '#runtime/clock.ts'
import { retry } from '#runtime/retry.ts'
import type { UserPrompt } from './selection.ts'

/** Requests of different ordering keys do not wait for each other. */
const keysAtOnce = 16

const crowdedNote = `it cannot be published: with the attributes that say which message it repeats, it would have more than the ${maxAttributes} that Pub/Sub allows; --as-new publishes it without them`

const escapedNote =
  'its text is published as it stands in the table, where \\u0000 or \\ud800 may stand for a character that cannot be stored'

/** selected = published + skipped + failed + left. */
export interface RedriveSummary {
  selected: number
  /** Confirmed by the broker, and marked. */
  published: number
  /** Not publishable, or already handled by another process. */
  skipped: number
  /** Rejected by the broker. */
  failed: number
  /** Not tried: it was stopped, or failed before. */
  left: number
}

export interface RedriveUser extends Omit<UserPrompt, 'confirm'> {
  /** Whether to publish `count` messages to this topic. */
  confirm(count: number, topic: string): Promise<boolean>
  /** A line about the whole run. */
  report(line: string): void
  /** Aborts when the user stops it: the current batch is finished. */
  readonly stop: AbortSignal
}

/** What all batches of a redrive have in common. */
export interface Run {
  readonly client: Transactional
  readonly clients: PubsubClients
  /** Full name, as the subscription has it. */
  readonly topic: string
  /** Rejects where what was published to the topic until now may not have reached the subscription. */
  readonly confirmTopic: () => Promise<void>
  /** The broker's name, for messages. */
  readonly broker: string
  /** How long to wait for a broker that is unavailable. */
  readonly timeoutMs: number
  /** Of the dead letters that were selected. */
  readonly status: DeadLetterStatus
  /** What is published has no identity but its own: it counts even where what it repeats has counted. */
  readonly asNew: boolean
  readonly user: RedriveUser
  readonly summary: RedriveSummary
}

/**
 * Publishes and marks the dead letters of these ids. It retries while the broker is unavailable for a moment; between
 * attempts nothing is locked.
 *
 * @throws PublishError, and errors of the connection to PostgreSQL
 */
export async function redriveBatch(run: Run, ids: number[]): Promise<void> {
  let rest = ids
  const attempt = async () => {
    const { dealtWith, error } = await publishAndMark(run, rest)
    rest = rest.filter((id) => !dealtWith.has(id))
    if (error !== undefined) throw new PublishError(error)
  }
  await retry(attempt, {
    clock: systemClock,
    backoff: reconnectBackoff(),
    withinMs: run.timeoutMs,
    signal: run.user.stop,
    retryable: (error) => error instanceof PublishError && !isNonRetryable(error.cause),
    onRetry: (error) => run.user.report(`waiting for ${run.broker}: ${explain(error)}`),
  })
}

interface Attempt {
  /** Published, rejected, not publishable, or already handled by another process: not to be tried again. */
  readonly dealtWith: ReadonlySet<number>
  /** What kept the rest from being published. */
  readonly error?: unknown
}

async function publishAndMark(run: Run, ids: readonly number[]): Promise<Attempt> {
  const { client, status, user, summary } = run
  const { locked, crowded, outcomes } = await inTransaction(client, async () => {
    const locked = await lockDeadLetters(client, ids, status)
    const crowded = locked.filter((deadLetter) => isCrowded(attributesOf(deadLetter, run.asNew)))
    const publishable = locked.filter((deadLetter) => !crowded.includes(deadLetter))
    const outcomes = await confirmed(run, await publishByKey(run, publishable))
    const published = outcomes.flatMap((outcome) => outcome.published)
    // Marked even where the rest of the batch was not taken.
    await markDeadLetters(client, published, 'redriven')
    return { locked: new Set(locked.map(({ id }) => id)), crowded: crowded.map(({ id }) => id), outcomes }
  })
  const others = ids.filter((id) => !locked.has(id))
  const published = outcomes.flatMap((outcome) => outcome.published)
  const refused = outcomes.flatMap((outcome) => outcome.refused)
  for (const id of others) user.warn(id, 'already handled by another process')
  for (const id of crowded) user.warn(id, crowdedNote)
  for (const { id, why } of refused) user.warn(id, `rejected by Pub/Sub: ${why}`)
  summary.published += published.length
  summary.failed += refused.length
  summary.skipped += others.length + crowded.length
  summary.left -= published.length + refused.length + others.length + crowded.length
  return {
    dealtWith: new Set([...others, ...crowded, ...published, ...refused.map(({ id }) => id)]),
    error: outcomes.find(({ error }) => error !== undefined)?.error,
  }
}

interface KeyOutcome {
  readonly published: readonly number[]
  readonly refused: readonly { readonly id: number; readonly why: string }[]
  readonly error: unknown
}

/** Corrects the outcomes where the subscription has lost its topic: what it has not received counts as not published. */
async function confirmed({ confirmTopic }: Run, outcomes: readonly KeyOutcome[]): Promise<KeyOutcome[]> {
  if (outcomes.every(({ published }) => published.length === 0)) return [...outcomes]
  try {
    await confirmTopic()
    return [...outcomes]
  } catch (error) {
    return outcomes.map(({ refused }) => ({ published: [], refused, error }))
  }
}

/** Dead letters of one key are published in order; one that the broker rejects permanently does not block those after it. */
async function publishByKey({ clients, topic, user, asNew }: Run, deadLetters: readonly DeadLetterDetail[]) {
  const outcomes: KeyOutcome[] = []
  const groups = [...Map.groupBy(deadLetters, ({ orderingKey }) => orderingKey).values()]
  for (let at = 0; at < groups.length; at += keysAtOnce) {
    const some = groups.slice(at, at + keysAtOnce)
    const results = await Promise.all(
      some.map((group) =>
        publishIsolatingFailures(
          clients,
          topic,
          group.map((deadLetter) => outgoing(deadLetter, asNew)),
        ),
      ),
    )
    outcomes.push(...results.map((result, i) => outcomesOf(result, some[i] as DeadLetterDetail[])))
    if (results.some(({ failure }) => failure !== undefined)) break
  }
  const escaped = new Set(deadLetters.filter((deadLetter) => deadLetter.escaped).map(({ id }) => id))
  for (const id of outcomes.flatMap(({ published }) => published))
    if (escaped.has(id)) user.warn(id, escapedNote)
  return outcomes
}

/** The service sets these itself, on topics that have a schema; keys that begin with `goog` are its own. */
const ofService = /^googclient_schema/

function outgoing(deadLetter: DeadLetterDetail, asNew: boolean): OutgoingMessage {
  const { data, orderingKey, redriveCount } = deadLetter
  const attributes = attributesOf(deadLetter, asNew)
  const counted = { ...attributes, [redriveCountAttribute]: String(redriveCount + 1) }
  // The count is for people: where there is no room it gives way.
  return { data, attributes: isCrowded(counted) ? attributes : counted, orderingKey }
}

type Attributes = Readonly<Record<string, string>>

function isCrowded(attributes: Attributes): boolean {
  return Object.keys(attributes).length > maxAttributes
}

const ofIdentity: ReadonlySet<string> = new Set(Object.values(identityAttributes))

/**
 * What it had, and which message it repeats: the first of a chain of redrives. Of one that repeats a request also when it
 * was published, since requests are not known for ever.
 */
export function attributesOf(
  { attributes, messageId, publishTime }: Pick<DeadLetterDetail, 'attributes' | 'messageId' | 'publishTime'>,
  asNew: boolean,
): Attributes {
  const own = Object.entries(attributes).filter(([name]) => !ofService.test(name))
  if (asNew) return Object.fromEntries(own.filter(([name]) => !ofIdentity.has(name)))
  const isGiven = identityAttributes.messageId in attributes || identityAttributes.publishTime in attributes
  return { ...Object.fromEntries(own), ...(isGiven ? {} : repeatedBy(messageId, publishTime.getTime())) }
}

function outcomesOf(
  { published, refused, failure }: PublishOutcome,
  deadLetters: readonly DeadLetterDetail[],
): KeyOutcome {
  const idAt = (at: number) => (deadLetters[at] as DeadLetterDetail).id
  return {
    published: published.map(idAt),
    refused: refused.map(({ at, why }) => ({ id: idAt(at), why })),
    error: failure,
  }
}

/** The broker fails for every message. */
export class PublishError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
    this.name = 'PublishError'
  }
}

/** Waiting fixes none of these: someone has to act. */
export function isNonRetryable(error: unknown): boolean {
  const status = statusOf(error)
  return (
    error instanceof ConfigurationError ||
    isPermanent(error) ||
    status === grpcStatus.unauthenticated ||
    status === grpcStatus.failedPrecondition
  )
}
