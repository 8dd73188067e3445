import { messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import { retry } from '#runtime/retry.ts'
import { requestsOf } from './chunks.ts'
import type { PubsubClients } from './client.ts'
import { isPermanent, oneTry } from './client.ts'

export interface AcknowledgerOptions {
  readonly subscriber: PubsubClients['subscriber']
  readonly subscription: string
  /** An ack that is not through by then is given up: its lease is over and the message comes again, as stale. */
  readonly withinMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Sends acks and nacks in bulk. What is handed over in one turn of the event loop travels together: a batch of a
 * thousand records is one request.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions
  #acks: string[] = []
  #nacks: string[] = []
  #scheduled = false
  readonly #underway = new Set<Promise<void>>()

  constructor(options: AcknowledgerOptions) {
    this.#options = options
  }

  ack(ackIds: readonly string[]): void {
    for (const ackId of ackIds) this.#acks.push(ackId)
    this.#schedule()
  }

  nack(ackIds: readonly string[]): void {
    for (const ackId of ackIds) this.#nacks.push(ackId)
    this.#schedule()
  }

  /** Resolves when everything handed over has been sent or given up. */
  async flushed(): Promise<void> {
    this.#send()
    while (this.#underway.size > 0) await Promise.all(this.#underway)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => this.#send())
  }

  #send(): void {
    this.#scheduled = false
    const { subscriber, subscription } = this.#options
    for (const ackIds of requestsOf(this.#acks)) {
      this.#track('ack', ackIds.length, () => subscriber.acknowledge({ subscription, ackIds }, oneTry))
    }
    for (const ackIds of requestsOf(this.#nacks)) {
      this.#track('nack', ackIds.length, () =>
        subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 0 }, oneTry),
      )
    }
    this.#acks = []
    this.#nacks = []
  }

  #track(what: string, count: number, request: () => Promise<unknown>): void {
    const { clock, logger, withinMs } = this.#options
    const sent = retry(request, {
      clock,
      withinMs,
      backoff: reconnectBackoff(),
      retryable: (error) => !isPermanent(error),
    }).then(
      () => {},
      (error: unknown) =>
        logger.warn({ count, error: messageOf(error) }, `${what}s given up: the messages will come again`),
    )
    this.#underway.add(sent)
    void sent.finally(() => this.#underway.delete(sent))
  }
}
