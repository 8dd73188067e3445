import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import { sendAckIds } from './ack-id-request.ts'
import { requestsOf } from './chunks.ts'
import type { PubsubClients } from './client.ts'
import { noRetry } from './client.ts'
import type { PulledDelivery } from './pull-response.ts'
import type { RejectedAckIds } from './rejected-ack-ids.ts'

export interface LeasesOptions {
  readonly subscriber: PubsubClients['subscriber']
  readonly subscription: string
  readonly ackDeadlineMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly rejected: RejectedAckIds
  readonly lost: (count: number) => void
}

/** Rare enough for a service that is unavailable, and frequent enough for a third of a deadline, 3.3 s at least. */
const extensionBackoff = { initialMs: 100, maxMs: 1000 }

/**
 * Keeps the leases of all unsettled deliveries, however long, with or without an open stream: each is extended by the
 * whole deadline whenever a third of it has passed. A lease that could not be extended in time is reported and dropped:
 * the message will be redelivered. Its delivery stays where it is, since a commit justifies its ack all the same.
 */
export class Leases {
  readonly #options: LeasesOptions
  /** When each lease ends, by the monotonic clock. */
  readonly #ends = new Map<PulledDelivery, number>()
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

  add(delivery: PulledDelivery): void {
    this.#ends.set(delivery, delivery.receivedAtMs + this.#options.ackDeadlineMs)
    this.#bytes += delivery.bytes
    this.#cancelTimer ??= this.#startTimer()
  }

  /** Ends the leases of those that are still held, and returns their ack ids. */
  end(deliveries: readonly PulledDelivery[]): string[] {
    const ackIds: string[] = []
    for (const delivery of deliveries) {
      if (!this.#ends.delete(delivery)) continue
      this.#bytes -= delivery.bytes
      ackIds.push(delivery.ackId)
    }
    return ackIds
  }

  /** The service has ended the leases of these ids, according to a stream's response. */
  reject(ackIds: readonly string[]): void {
    const wanted = new Set(ackIds)
    const held = [...this.#ends.keys()].filter(({ ackId }) => wanted.has(ackId))
    if (held.length > 0) this.#reject(held)
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
    const byAckId = new Map<string, PulledDelivery>()
    for (const [delivery, end] of this.#ends) {
      if (end !== Infinity) byAckId.set(delivery.ackId, delivery)
    }
    for (const ackIds of requestsOf([...byAckId.keys()])) void this.#extend(ackIds, byAckId)
  }

  async #extend(ackIds: string[], byAckId: ReadonlyMap<string, PulledDelivery>): Promise<void> {
    const { subscriber, subscription, ackDeadlineMs, clock, logger } = this.#options
    const ackDeadlineSeconds = Math.round(ackDeadlineMs / 1000)
    const limitMs = ackDeadlineMs / 3
    const unsettled = await sendAckIds(ackIds, {
      send: (some) =>
        subscriber.modifyAckDeadline(
          { subscription, ackIds: some, ackDeadlineSeconds },
          { ...noRetry, timeout: limitMs },
        ),
      done: (some, sentAtMs) => {
        for (const ackId of some) this.#extended(byAckId.get(ackId), sentAtMs + ackDeadlineMs)
      },
      rejected: (some) => this.#reject(some.map((ackId) => byAckId.get(ackId))),
      clock,
      withinMs: limitMs,
      backoff: exponentialBackoff(extensionBackoff),
      signal: this.#closing.signal,
    })
    if (unsettled === undefined || this.#closing.signal.aborted) return
    const fields = { count: unsettled.ackIds.length, error: messageOf(unsettled.error) }
    logger.warn(fields, 'leases could not be extended')
  }

  /** The service has ended these leases: extending them again would be in vain. */
  #reject(deliveries: readonly (PulledDelivery | undefined)[]): void {
    const { rejected, lost } = this.#options
    rejected.add('extend', deliveries.length)
    let count = 0
    for (const delivery of deliveries) {
      const end = delivery && this.#ends.get(delivery)
      if (!delivery || end === undefined || end === Infinity) continue
      this.#ends.set(delivery, Infinity)
      count += 1
    }
    if (count > 0) lost(count)
  }

  #extended(delivery: PulledDelivery | undefined, end: number): void {
    if (delivery && this.#ends.has(delivery)) this.#ends.set(delivery, end)
  }
}
