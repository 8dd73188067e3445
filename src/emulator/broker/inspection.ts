import type { EntryState } from './entry.ts'
import type { MessageContent } from './message.ts'
import { contentOf } from './message.ts'
import type { Subscription } from './subscription.ts'

/** What has become of one message in one subscription. */
export interface MessageView extends MessageContent {
  readonly state: EntryState
  /** How often it was sent to a subscriber. */
  readonly deliveries: number
  /** Nacks and expired leases. */
  readonly failures: number
  /** Those that were accepted: a stale ack id does not count. */
  readonly acks: number
  readonly nacks: number
  readonly modacks: number
}

export interface SubscriptionView {
  /** Messages by state. Acked ones are known only where they are kept: by `history`, or by the subscription. */
  readonly counts: Readonly<Record<EntryState, number>>
  /** Oldest first. */
  readonly messages: readonly MessageView[]
}

/** Looks at everything: to be asked for at ease. */
export function viewOf({ backlog }: Subscription): SubscriptionView {
  const counts = { available: 0, leased: 0, waiting: 0, acked: 0 }
  const messages = Array.from(backlog.entries(), (entry) => {
    const { message, state, deliveries, failures, acks, nacks, modacks } = entry
    counts[state] += 1
    return { ...contentOf(message), state, deliveries, failures, acks, nacks, modacks }
  })
  return { counts, messages }
}
