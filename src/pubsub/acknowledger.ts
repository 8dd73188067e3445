import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import { sleep } from '#runtime/clock.ts'
import { sendAckIds } from './ack-id-request.ts'
import type { Acknowledgeable } from './ack-ids.ts'
import { AckIds, AckRequest } from './ack-ids.ts'
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
  #acks: (readonly Acknowledgeable[])[] = []
  #nacks: (readonly Acknowledgeable[])[] = []
  #scheduled = false
  readonly #underway = new Set<Promise<void>>()

  constructor(options: AcknowledgerOptions) {
    this.#options = options
  }

  ack(ones: readonly Acknowledgeable[]): void {
    this.#acks.push(ones)
    this.#schedule()
  }

  nack(ones: readonly Acknowledgeable[]): void {
    this.#nacks.push(ones)
    this.#schedule()
  }

  /** Acks once more, after a pause, what the service could not ack for the moment. */
  ackAgain(ackIds: readonly string[]): void {
    for (const some of requestsOf(ackIds, ({ length }) => length))
      this.#track('ack', AckIds.ofTexts(some), this.#ack, ackAgainAfterMs)
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
    for (const some of requestsOf(joined(this.#acks), bytesOf)) this.#track('ack', AckIds.of(some), this.#ack)
    for (const some of requestsOf(joined(this.#nacks), bytesOf))
      this.#track('nack', AckIds.of(some), this.#nack)
    this.#acks = []
    this.#nacks = []
  }

  readonly #ack = (ackIds: AckIds) => {
    const { subscriber, subscription } = this.#options
    return subscriber.acknowledge(new AckRequest(subscription, ackIds), noRetry)
  }

  readonly #nack = (ackIds: AckIds) => {
    const { subscriber, subscription } = this.#options
    return subscriber.modifyAckDeadline(
      { subscription, ackIds: ackIds.texts(), ackDeadlineSeconds: 0 },
      noRetry,
    )
  }

  #track(
    what: 'ack' | 'nack',
    ackIds: AckIds,
    send: (ackIds: AckIds) => Promise<unknown>,
    delayMs = 0,
  ): void {
    const sent = this.#settle(what, ackIds, send, delayMs)
    this.#underway.add(sent)
    void sent.finally(() => this.#underway.delete(sent))
  }

  async #settle(
    what: 'ack' | 'nack',
    ackIds: AckIds,
    send: (ackIds: AckIds) => Promise<unknown>,
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
    const fields = { count: unsettled.ackIds.count, error: messageOf(unsettled.error) }
    logger.warn(fields, `giving up on ${what}s; messages will be redelivered`)
  }
}

/** Mostly there is one batch in a turn, whose list will do as it is. */
function joined<T>([first = [], ...others]: readonly (readonly T[])[]): readonly T[] {
  return others.length === 0 ? first : [first, ...others].flat()
}

function bytesOf({ ackIdBytes }: Acknowledgeable): number {
  return ackIdBytes
}
