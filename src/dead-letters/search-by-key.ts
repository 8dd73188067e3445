import { identityReused, tooOld } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import type { DecodeLimits, RecordInspector, RecordKey, Pipeline } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import type { DeadLetterDetail } from '#postgres/dead-letters.ts'
import { isWhole } from '#postgres/dead-letters.ts'

/** The dead letters of one key. */
export interface DeadLettersOfKey {
  readonly count: number
  /** How many were searched, newest first; `all`: there are no more. */
  readonly searched: number
  readonly all: boolean
  /** The newest of them, at most {@link maxShown}; newest first. */
  readonly letters: readonly DeadLetterOfKey[]
}

export interface DeadLetterOfKey {
  readonly id: string
  readonly messageId: string
  /** As all times here: ISO 8601. */
  readonly publishedAt: string
  readonly lastSeenAt: string
  readonly timesSeen: number
  readonly reason: string
  readonly detail: string
  readonly status: string
  /**
   * `key`: its payload has this key. `text`: the payload is unreadable, but it or the attributes mention the key. `message`: it
   * is the message or of the request that was asked about, or repeats it.
   */
  readonly match: 'key' | 'text' | 'message'
  /** The pipeline would accept it today, as it is. */
  readonly accepted: boolean
}

const maxShown = 100
/** Measured for this many small ones: 1.8 s; 4.5 s where no key can be read from any of them. */
const maxSearched = 100_000

/** Looks for the key in each page, until there are no more or enough has been searched. */
export function deadLettersOf(
  key: RecordKey,
  pipeline: Pipeline,
  limits: DecodeLimits,
  pages: AsyncIterable<readonly DeadLetterDetail[]>,
  most = maxSearched,
): Promise<DeadLettersOfKey> {
  return deadLettersThat((stored) => matchOf(stored, key, pipeline), pipeline, limits, pages, most)
}

/** The same of all that match in another way. */
export async function deadLettersThat(
  matchOf: (deadLetter: DeadLetterDetail) => DeadLetterOfKey['match'] | undefined,
  pipeline: Pipeline,
  limits: DecodeLimits,
  pages: AsyncIterable<readonly DeadLetterDetail[]>,
  most = maxSearched,
): Promise<DeadLettersOfKey> {
  const letters: DeadLetterOfKey[] = []
  let count = 0
  let searched = 0
  let all = true
  for await (const page of pages) {
    if (searched >= most) {
      all = false
      break
    }
    searched += page.length
    for (const stored of page) {
      const match = matchOf(stored)
      if (!match) continue
      count += 1
      if (letters.length < maxShown) letters.push(deadLetterOf(stored, match, pipeline, limits))
    }
  }
  letters.sort((a, b) => b.lastSeenAt.localeCompare(a.lastSeenAt) || Number(b.id) - Number(a.id))
  return { count, searched, all, letters }
}

function matchOf(
  stored: DeadLetterDetail,
  key: RecordKey,
  { inspector }: Pipeline,
): DeadLetterOfKey['match'] | undefined {
  const meant = isWhole(stored) ? keysIn(deliveryOf(stored), inspector) : undefined
  if (meant) return meant.some((one) => one.key === key.key) ? 'key' : undefined
  return inspector.mentions(key, textOf(stored)) ? 'text' : undefined
}

/** Undefined where the message cannot be read. */
function keysIn(delivery: Delivery, inspector: RecordInspector): readonly RecordKey[] | undefined {
  const keys = inspector.keysFromMessage?.(delivery) ?? inspector.keyFromMessage(delivery)
  if (isRejection(keys)) return undefined
  return 'key' in keys ? [keys] : keys
}

/** Refused by what has counted, whatever the pipeline says. */
const ofIdentity: ReadonlySet<string> = new Set([tooOld, identityReused])

function deadLetterOf(
  stored: DeadLetterDetail,
  match: DeadLetterOfKey['match'],
  { decode }: Pipeline,
  limits: DecodeLimits,
): DeadLetterOfKey {
  const { id, messageId, publishTime, lastSeenAt, timesSeen, reason, detail, status } = stored
  return {
    id: String(id),
    messageId,
    publishedAt: publishTime.toISOString(),
    lastSeenAt: lastSeenAt.toISOString(),
    timesSeen,
    reason,
    detail,
    status,
    match,
    accepted: isWhole(stored) && !ofIdentity.has(reason) && !isRejection(decode(deliveryOf(stored), limits)),
  }
}

/** Line breaks between them, so that no two join to a word. */
function textOf({ data, orderingKey, attributes }: DeadLetterDetail): string {
  return [data.toString(), orderingKey, ...Object.entries(attributes).flat()].join('\n')
}

/** The message as it came, as far as a decoder looks. */
function deliveryOf(stored: DeadLetterDetail): Delivery {
  const { messageId, subscription, publishTime, orderingKey, attributes, data, deliveryAttempt, dataBytes } =
    stored
  return {
    messageId,
    subscription,
    publishTimeMs: publishTime.getTime(),
    orderingKey,
    attributes,
    data,
    deliveryAttempt,
    bytes: dataBytes,
    receivedAtMs: 0,
  }
}
