import type { DoorMessage } from './door.ts'

/**
 * What is known of messages that were to be published:
 *
 * - `confirmed`: the broker has all of them
 * - `not-sent`: certainly none of them will arrive: no request with them was sent, or the broker has refused it
 * - `unknown`: some of them may have arrived, since a request was sent and its answer was lost
 */
export type PublishOutcome =
  | { readonly outcome: 'confirmed' }
  | { readonly outcome: 'not-sent' | 'unknown'; readonly why: string }

/** Publishes for requests that wait for the outcome. */
export interface Publishing {
  /** Messages that wait, or are on their way. */
  readonly queued: number
  /**
   * Takes messages of one request, all or none. Never rejects, and answers within a limit of its own.
   *
   * @param topic full name
   */
  publish(topic: string, messages: readonly DoorMessage[]): Promise<PublishOutcome>
}
