import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import { sleep } from '#runtime/clock.ts'
import { sendAckIds } from './ack-id-request.ts'
import { requestsOf } from './chunks.ts'
import type { PubsubClients } from './client.ts'
import { noRetry } from './client.ts'
import type { RejectedAckIds } from './rejected-ack-ids.ts'

export interface AcknowledgerOptions {
  readonly subscriber: PubsubClients['subscriber']
  readonly subscription: string
  /** An ack that has not succeeded by then is given up: its lease is over, and the message is redelivered and stale. */
  readonly withinMs: number
  readonly rejected: RejectedAckIds
  readonly clock: Clock
  readonly logger: Logger
}

const ackAgainAfterMs = 1000

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

  /** Acks once more, after a pause, what the service could not ack for the moment. */
  ackAgain(ackIds: readonly string[]): void {
    for (const some of requestsOf(ackIds)) this.#track('ack', some, this.#ack, ackAgainAfterMs)
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
    for (const ackIds of requestsOf(this.#acks)) this.#track('ack', ackIds, this.#ack)
    for (const ackIds of requestsOf(this.#nacks)) this.#track('nack', ackIds, this.#nack)
    this.#acks = []
    this.#nacks = []
  }

  readonly #ack = (ackIds: string[]) => {
    const { subscriber, subscription } = this.#options
    return subscriber.acknowledge({ subscription, ackIds }, noRetry)
  }

  readonly #nack = (ackIds: string[]) => {
    const { subscriber, subscription } = this.#options
    return subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 0 }, noRetry)
  }

  #track(
    what: 'ack' | 'nack',
    ackIds: string[],
    send: (ackIds: string[]) => Promise<unknown>,
    delayMs = 0,
  ): void {
    const sent = this.#settle(what, ackIds, send, delayMs)
    this.#underway.add(sent)
    void sent.finally(() => this.#underway.delete(sent))
  }

  async #settle(
    what: 'ack' | 'nack',
    ackIds: string[],
    send: (ackIds: string[]) => Promise<unknown>,
    delayMs: number,
  ): Promise<void> {
    const { clock, logger, withinMs, rejected } = this.#options
    if (delayMs > 0) await sleep(clock, delayMs)
    const unsettled = await sendAckIds(ackIds, {
      send,
      rejected: (some) => rejected.add(what, some.length),
      clock,
      withinMs,
      backoff: reconnectBackoff(),
    })
    if (unsettled === undefined) return
    const fields = { count: unsettled.ackIds.length, error: messageOf(unsettled.error) }
    logger.warn(fields, `giving up on ${what}s; messages will be redelivered`)
  }
}
