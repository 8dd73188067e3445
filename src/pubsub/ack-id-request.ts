import type { Backoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import { retry } from '#runtime/retry.ts'
import { ackIdErrors } from './ack-id-errors.ts'
import { AckIds } from './ack-ids.ts'
import { grpcStatus, isPermanent, statusOf } from './client.ts'

export interface AckIdRequestOptions {
  /** One Acknowledge or ModifyAckDeadline. */
  readonly send: (ackIds: AckIds) => Promise<unknown>
  /** Called with ids as they are done, and the monotonic time before their request was sent. */
  readonly done?: (ackIds: readonly string[], sentAtMs: number) => void
  /** Called with ids that the service no longer accepts. */
  readonly rejected: (ackIds: readonly string[]) => void
  readonly clock: Clock
  readonly withinMs: number
  readonly backoff: Backoff
  readonly signal?: AbortSignal
}

/** Ids that got no result in time, and why. */
export interface Unsettled {
  readonly ackIds: AckIds
  readonly error: unknown
}

/**
 * A request with one malformed id fails as a whole without naming it: bisecting finds it. The names of many failed ids
 * make a header that HTTP/2 rejects (measured: of 1,000 short ids), which gRPC reports as INTERNAL: halves have fewer.
 * The number of halves is limited, since a restarted server knows none of the ids.
 */
const maxHalves = 64

/**
 * Sends ids until each is done or rejected, or the time is over. Per-id results are respected: an id that the service
 * rejects is dropped, one that it could not handle for the moment is sent again alone, the others are done.
 *
 * @returns undefined where none is left
 */
export async function sendAckIds(
  ackIds: AckIds,
  options: AckIdRequestOptions,
): Promise<Unsettled | undefined> {
  let left = ackIds
  let isFinal = false
  const attempt = async () => {
    const failure = await sendOnce(left, options, { halves: maxHalves })
    if (failure === undefined) return
    left = failure.ackIds
    isFinal = failure.isFinal
    throw failure.error
  }
  try {
    await retry(attempt, { ...options, retryable: () => !isFinal })
    return undefined
  } catch (error) {
    return { ackIds: left, error }
  }
}

interface Failure extends Unsettled {
  /** No retry helps. */
  readonly isFinal: boolean
}

async function sendOnce(
  ackIds: AckIds,
  options: AckIdRequestOptions,
  budget: { halves: number },
): Promise<Failure | undefined> {
  const sentAtMs = options.clock.now()
  try {
    await options.send(ackIds)
    options.done?.(ackIds.texts(), sentAtMs)
    return undefined
  } catch (error) {
    const texts = ackIds.texts()
    const errors = ackIdErrors(error)
    const named = texts.filter((ackId) => errors.has(ackId))
    if (named.length > 0) {
      const { permanent = [], transient = [] } = Object.groupBy(named, (id) => errors.get(id) ?? 'permanent')
      const others = texts.filter((ackId) => !errors.has(ackId))
      if (others.length > 0) options.done?.(others, sentAtMs)
      if (permanent.length > 0) options.rejected(permanent)
      return transient.length > 0 ? { ackIds: AckIds.ofTexts(transient), error, isFinal: false } : undefined
    }
    const isMalformed = statusOf(error) === grpcStatus.invalidArgument
    if (isMalformed && texts.length === 1) {
      options.rejected(texts)
      return undefined
    }
    const mayBeHalved = isMalformed || statusOf(error) === grpcStatus.internal
    if (!mayBeHalved || texts.length === 1 || budget.halves <= 0)
      return { ackIds, error, isFinal: isMalformed || isPermanent(error) }
    budget.halves -= 2
    const middle = texts.length >> 1
    const first = await sendOnce(AckIds.ofTexts(texts.slice(0, middle)), options, budget)
    const second = await sendOnce(AckIds.ofTexts(texts.slice(middle)), options, budget)
    return both(first, second)
  }
}

function both(first: Failure | undefined, second: Failure | undefined): Failure | undefined {
  if (!first || !second) return first ?? second
  const ackIds = AckIds.ofTexts([...first.ackIds.texts(), ...second.ackIds.texts()])
  return { ackIds, error: second.error, isFinal: first.isFinal && second.isFinal }
}
