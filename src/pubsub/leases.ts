import type { Delivery } from '#core/delivery.ts'
import { messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import { retry } from '#runtime/retry.ts'
import { requestsOf } from './chunks.ts'
import type { PubsubClients } from './client.ts'
import { isPermanent, oneTry } from './client.ts'

export interface LeasesOptions {
  readonly subscriber: PubsubClients['subscriber']
  readonly subscription: string
  readonly ackDeadlineMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly lost: (count: number) => void
}

/**
 * Keeps the leases of all deliveries that are held, however long, with or without an open stream: every third of the
 * deadline each is extended by the whole of it. A lease that could not be extended in time is reported and let go: the
 * message will come again. Its delivery stays where it is, since a commit justifies its ack all the same.
 */
export class Leases {
  readonly #options: LeasesOptions
  /** When each lease ends, by the monotonic clock. */
  readonly #ends = new Map<Delivery, number>()
  #bytes = 0
  #cancelTimer: (() => void) | undefined
  readonly #closing = new AbortController()

  constructor(options: LeasesOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#ends.size
  }

  get bytes(): number {
    return this.#bytes
  }

  add(delivery: Delivery): void {
    this.#ends.set(delivery, delivery.receivedAtMs + this.#options.ackDeadlineMs)
    this.#bytes += delivery.bytes
    this.#cancelTimer ??= this.#startTimer()
  }

  /** Ends the leases of those that are still held, and returns their ack ids. */
  end(deliveries: readonly Delivery[]): string[] {
    const ackIds: string[] = []
    for (const delivery of deliveries) {
      if (!this.#ends.delete(delivery)) continue
      this.#bytes -= delivery.bytes
      ackIds.push(delivery.ackId)
    }
    return ackIds
  }

  close(): void {
    this.#closing.abort()
    this.#cancelTimer?.()
    this.#ends.clear()
    this.#bytes = 0
  }

  #startTimer(): () => void {
    return this.#options.clock.after(this.#options.ackDeadlineMs / 3, () => {
      this.#cancelTimer = undefined
      this.#dropLost()
      if (this.#ends.size === 0) return
      this.#cancelTimer = this.#startTimer()
      this.#extendAll()
    })
  }

  /** A lease that ended is past saving; extending it would only delay the redelivery. */
  #dropLost(): void {
    const now = this.#options.clock.now()
    let lost = 0
    for (const [delivery, end] of this.#ends) {
      if (end > now) continue
      this.#ends.set(delivery, Infinity)
      lost += 1
    }
    if (lost > 0) this.#options.lost(lost)
  }

  #extendAll(): void {
    const byAckId = new Map<string, Delivery>()
    for (const [delivery, end] of this.#ends) {
      if (end !== Infinity) byAckId.set(delivery.ackId, delivery)
    }
    for (const ackIds of requestsOf([...byAckId.keys()])) void this.#extend(ackIds, byAckId)
  }

  async #extend(ackIds: string[], byAckId: ReadonlyMap<string, Delivery>): Promise<void> {
    const { subscriber, subscription, ackDeadlineMs, clock, logger } = this.#options
    const request = { subscription, ackIds, ackDeadlineSeconds: Math.round(ackDeadlineMs / 1000) }
    let asked = clock.now()
    const attempt = () => {
      asked = clock.now()
      return subscriber.modifyAckDeadline(request, { ...oneTry, timeout: ackDeadlineMs / 3 })
    }
    try {
      await retry(attempt, {
        clock,
        withinMs: ackDeadlineMs / 3,
        backoff: reconnectBackoff(),
        signal: this.#closing.signal,
        retryable: (error) => !isPermanent(error),
      })
      for (const ackId of ackIds) this.#extended(byAckId.get(ackId), asked + ackDeadlineMs)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      logger.warn({ count: ackIds.length, error: messageOf(error) }, 'leases could not be extended')
    }
  }

  #extended(delivery: Delivery | undefined, end: number): void {
    if (delivery && this.#ends.has(delivery)) this.#ends.set(delivery, end)
  }
}
