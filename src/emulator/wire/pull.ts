import type { Delivery } from '../broker/backlog.ts'
import type { Clock } from '../broker/clock.ts'
import type { Consumer } from '../broker/dispatcher.ts'
import type { StatusError } from '../broker/status.ts'
import { invalidArgument } from '../broker/status.ts'
import type { Subscription } from '../broker/subscription.ts'
import { encodeDeliveries } from './pull-response.ts'

/** How long a pull waits for the first message. */
const waitMs = 30_000
const maxMessages = 1000
const maxBytes = 4 * 1024 * 1024

interface PullRequest {
  readonly maxMessages?: number | null
  readonly returnImmediately?: boolean | null
}

/** @returns an encoded `PullResponse`; empty if nothing came in time */
export async function pull(
  subscription: Subscription,
  request: PullRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const wanted = request.maxMessages ?? 0
  if (wanted === 0) throw invalidArgument('No max_messages specified')
  if (wanted < 0) throw invalidArgument('max_messages must be positive')
  const { promise, resolve, reject } = Promise.withResolvers<readonly Delivery[]>()
  const consumer: Consumer = {
    room: { messages: Math.min(wanted, maxMessages), bytes: maxBytes },
    isEmpty: true,
    leaseMs: (subscription.config.ackDeadlineSeconds ?? 10) * 1000,
    deliver: (deliveries) => {
      subscription.removeConsumer(consumer)
      resolve(deliveries)
    },
    end: (status: StatusError) => reject(status),
    leased: () => {},
    released: () => {},
  }
  const nothing = () => resolve([])
  subscription.addConsumer(consumer)
  // What is there is delivered before an immediate runs, whatever the clock says.
  if (request.returnImmediately) setImmediate(nothing)
  const cancelWait = clock.after(waitMs, nothing)
  signal.addEventListener('abort', nothing)
  try {
    const deliveries = await promise
    const attempts = subscription.config.deadLetterPolicy != null
    return encodeDeliveries(deliveries, { attempts, ordered: undefined })
  } finally {
    cancelWait()
    signal.removeEventListener('abort', nothing)
    subscription.removeConsumer(consumer)
  }
}
