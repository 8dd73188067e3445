import { randomUUID } from 'node:crypto'
import { messageOf } from '#core/error-message.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, noRetry, statusOf } from './client.ts'
import type { Subscription } from './subscription-topic.ts'
import { deletedTopic } from './subscription-topic.ts'

/** What was made is deleted when it is disposed. */
export type CopiedBacklog = AsyncDisposable &
  (
    | {
        /** Full name of the one that has the copy. */
        readonly subscription: string
      }
    | { readonly refusal: string }
  )

const daySeconds = 86_400
const defaultRetentionSeconds = 7 * daySeconds

/** Where the service will not do it, or has no snapshots. Other errors are those of any call. */
const refusals: readonly (number | undefined)[] = [
  grpcStatus.invalidArgument,
  grpcStatus.notFound,
  grpcStatus.permissionDenied,
  grpcStatus.resourceExhausted,
  grpcStatus.failedPrecondition,
  grpcStatus.unimplemented,
]
const isRefusal = (error: unknown) => refusals.includes(statusOf(error))

/**
 * A subscription with the same backlog, by way of a snapshot. It has no dead-letter policy: attempts on it cost nothing.
 *
 * @throws gRPC errors
 */
export async function copyBacklog(
  { subscriber }: PubsubClients,
  original: Subscription,
  warn: (message: string) => void,
): Promise<CopiedBacklog> {
  if (original.topic === deletedTopic) return nothing('its topic was deleted')
  await using resources = new AsyncDisposableStack()
  const name = original.name ?? ''
  const project = name.split('/', 2).join('/')
  const id = `ingester-try-${randomUUID()}`
  const snapshot = `${project}/snapshots/${id}`
  const subscription = `${project}/subscriptions/${id}`
  const make = async (what: string, create: Promise<unknown>, remove: () => Promise<unknown>) => {
    const removeAtEnd = () => resources.defer(() => removed(what, remove, warn))
    try {
      await create
    } catch (error) {
      // It may have been done although the answer was lost.
      if (!isRefusal(error)) removeAtEnd()
      throw error
    }
    removeAtEnd()
  }
  try {
    await make(snapshot, subscriber.createSnapshot({ name: snapshot, subscription: name }, noRetry), () =>
      subscriber.deleteSnapshot({ snapshot }, noRetry),
    )
    await make(subscription, subscriber.createSubscription(copyOf(original, subscription), noRetry), () =>
      subscriber.deleteSubscription({ subscription }, noRetry),
    )
    await subscriber.seek({ subscription, snapshot }, noRetry)
  } catch (error) {
    if (isRefusal(error)) return nothing(messageOf(error))
    throw error
  }
  const made = resources.move()
  return { subscription, [Symbol.asyncDispose]: () => made.disposeAsync() }
}

function nothing(refusal: string): CopiedBacklog {
  return { refusal, [Symbol.asyncDispose]: async () => {} }
}

async function removed(
  what: string,
  remove: () => Promise<unknown>,
  warn: (message: string) => void,
): Promise<void> {
  try {
    await remove()
  } catch (error) {
    if (statusOf(error) !== grpcStatus.notFound)
      warn(`${what} could not be deleted, and expires by itself: ${messageOf(error)}`)
  }
}

/** A subscription must not expire before what it retains. */
function copyOf(original: Subscription, name: string): Subscription {
  const { topic, filter, enableMessageOrdering, messageRetentionDuration: retention } = original
  const retainedSeconds = Number(retention?.seconds ?? defaultRetentionSeconds)
  return {
    name,
    topic: topic ?? '',
    filter: filter ?? '',
    enableMessageOrdering: enableMessageOrdering ?? false,
    ackDeadlineSeconds: 60,
    messageRetentionDuration: { seconds: retainedSeconds },
    expirationPolicy: { ttl: { seconds: retainedSeconds + daySeconds } },
  }
}
