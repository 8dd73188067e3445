import { messageOf } from '#core/error-message.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, statusOf } from './client.ts'
import type { OutgoingMessage } from './publisher.ts'
import { publish } from './publisher.ts'

/** The outcome for messages, by their positions. Those in neither list count as not published. */
export interface PublishOutcome {
  /** Confirmed. */
  readonly published: readonly number[]
  /** The service accepts the others, and rejects these. */
  readonly refused: readonly { readonly at: number; readonly why: string }[]
  /** Why it ended early: a gRPC error that no message caused. */
  readonly failure?: unknown
}

/**
 * Publishes to a topic (full name) in order. One message that the service rejects fails its whole request: it is found by
 * bisecting and left out. It does not retry, and throws nothing.
 */
export async function publishIsolatingFailures(
  clients: PubsubClients,
  topic: string,
  messages: readonly OutgoingMessage[],
): Promise<PublishOutcome> {
  const published: number[] = []
  const refused: { at: number; why: string }[] = []
  const attempt = async (from: number, to: number): Promise<void> => {
    try {
      await publish(clients, topic, messages.slice(from, to))
      for (let at = from; at < to; at++) published.push(at)
    } catch (error) {
      if (statusOf(error) !== grpcStatus.invalidArgument) throw error
      if (to - from === 1) {
        refused.push({ at: from, why: messageOf(error) })
        return
      }
      const middle = (from + to) >> 1
      await attempt(from, middle)
      await attempt(middle, to)
    }
  }
  try {
    if (messages.length > 0) await attempt(0, messages.length)
    return { published, refused }
  } catch (failure) {
    return { published, refused, failure }
  }
}
