import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { Source } from '#core/source.ts'
import type { Clock } from '#runtime/clock.ts'
import { Acknowledger } from './acknowledger.ts'
import type { PubsubClients } from './client.ts'
import { installFastCodecs } from './fast-codecs.ts'
import { Leases } from './leases.ts'
import { RejectedAckIds } from './rejected-ack-ids.ts'
import type { Liveness } from './stream-group.ts'
import type { PulledDelivery } from './pulled-delivery.ts'
import { heldPerByte } from './pulled-delivery.ts'
import { StreamGroup } from './stream-group.ts'

export interface PubsubSourceOptions {
  readonly clients: PubsubClients
  /** Full name. */
  readonly subscription: string
  readonly ackDeadlineMs: number
  /** Hard bounds on what is delivered and not yet settled. */
  readonly maxOutstandingMessages: number
  readonly maxOutstandingBytes: number
  /** Parallel StreamingPull calls; the official emulator sends about 2,000 messages a second on each. */
  readonly streams: number
  readonly clock: Clock
  readonly logger: Logger
  readonly observer: Observer
  /** The subscription is gone or access to it was taken away: no retry helps. */
  readonly onFatal: (error: Error) => void
  /** For tests; in production as Google's clients have it. */
  readonly liveness?: Pick<Liveness, 'pingMs' | 'silenceMs'>
}

/**
 * Of the bounds, what the server is asked to keep to in all. It counts the bytes of messages as they travel, and the bound
 * counts what they take while they are held ({@link heldPerByte}).
 */
export const flowControlShare = { messages: 0.8, bytes: 0.8 / heldPerByte }

/**
 * Of the bounds, where the streams are ended because the server does not keep to what it is asked, and where they are opened
 * again, with room to ask for. Ending them gracefully below the bound leaves room for what is already on its way.
 */
const highWater = 0.9
const lowWater = 0.4

/** Google's clients ping every 30 s; the service answers within 15. */
const usualLiveness = { pingMs: 30_000, silenceMs: 90_000 }

/**
 * Deliveries of a Pub/Sub subscription, by StreamingPull.
 *
 * Backpressure never pauses a stream: messages that the broker has sent would age in the buffers until their deadlines
 * pass (measured: 5,000 of 5,000 messages dead-lettered after 75 s of pause). Near a limit, or when paused, the streams
 * are ended, the leases of the messages in flight are kept by unary calls, and the streams are opened again when there
 * is room. Flow control alone is no limit: servers may ignore it, and the official emulator does.
 */
export class PubsubSource implements Source<PulledDelivery> {
  readonly #options: PubsubSourceOptions
  readonly #leases: Leases
  readonly #acknowledger: Acknowledger
  readonly #streams: StreamGroup
  #receive: (deliveries: readonly PulledDelivery[]) => void = () => {}
  #held = false
  #full = false
  /** Room that the largest dropped message needs before more is requested; at most the whole limit. */
  #neededBytes = 0
  #stopped = false

  constructor(options: PubsubSourceOptions) {
    this.#options = options
    const { subscriber } = options.clients
    installFastCodecs(subscriber)
    const { subscription, ackDeadlineMs, clock, logger, observer } = options
    const lost = (count: number) => {
      logger.warn({ count }, 'ack deadlines expired; messages will be redelivered')
      observer.leasesLost?.(count)
    }
    const rejected = new RejectedAckIds(clock, logger, observer)
    this.#leases = new Leases({ subscriber, subscription, ackDeadlineMs, clock, logger, rejected, lost })
    this.#acknowledger = new Acknowledger({
      subscriber,
      subscription,
      withinMs: ackDeadlineMs,
      rejected,
      clock,
      logger,
    })
    this.#streams = new StreamGroup({
      ...options,
      subscriber,
      isConnected: options.clients.isConnected,
      liveness: {
        ...(options.liveness ?? usualLiveness),
        heartbeatsExpected: !options.clients.isEmulator,
      },
      room: () => this.#room(),
      received: (deliveries) => this.#take(deliveries),
      confirmed: ({ rejectedAcks, failedAcks, rejectedExtensions }) => {
        if (rejectedAcks.length > 0) rejected.add('ack', rejectedAcks.length)
        this.#acknowledger.ackAgain(failedAcks)
        this.#leases.reject(rejectedExtensions)
      },
    })
  }

  /** Streams that deliver now. */
  get streamsOpen(): number {
    return this.#streams.openCount
  }

  /** Nothing has arrived on any stream for so long that something must be wrong, though there is no error. */
  get isSilent(): boolean {
    return this.#streams.silentMs >= (this.#options.liveness ?? usualLiveness).silenceMs
  }

  /** False while the streams are closed on purpose: the bounds are reached or a store is away. */
  get wantsMore(): boolean {
    return !this.#held && !this.#full && !this.#stopped
  }

  start(receive: (deliveries: readonly PulledDelivery[]) => void): void {
    this.#receive = receive
    this.#adjust()
  }

  ack(deliveries: readonly PulledDelivery[]): void {
    this.#acknowledger.ack(this.#leases.end(deliveries))
    this.#adjust()
  }

  nack(deliveries: readonly PulledDelivery[]): void {
    this.#acknowledger.nack(this.#leases.end(deliveries))
    this.#adjust()
  }

  hold(): void {
    this.#held = true
    this.#adjust()
  }

  resume(): void {
    this.#held = false
    this.#adjust()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#adjust()
    await this.#streams.closed()
  }

  async close(): Promise<void> {
    await this.stop()
    this.#leases.close()
    await this.#acknowledger.flushed()
  }

  /** Opens or ends the streams according to what is held. */
  #adjust(): void {
    const fill = this.#fill()
    if (fill >= highWater) this.#full = true
    // After an outage, too, there must be room before more is requested.
    else if (
      fill <= lowWater &&
      this.#leases.bytes + this.#neededBytes <= this.#options.maxOutstandingBytes
    ) {
      this.#full = false
      this.#neededBytes = 0
    }
    if (!this.wantsMore) return this.#streams.drain()
    this.#streams.open()
    this.#streams.renew()
  }

  /** How full the fuller bound is: 1 is full. */
  #fill(): number {
    const { maxOutstandingMessages, maxOutstandingBytes } = this.#options
    return Math.max(this.#leases.count / maxOutstandingMessages, this.#leases.bytes / maxOutstandingBytes)
  }

  #room(): { messages: number; bytes: number } {
    const { maxOutstandingMessages, maxOutstandingBytes } = this.#options
    return {
      messages: Math.floor(maxOutstandingMessages * flowControlShare.messages) - this.#leases.count,
      bytes: Math.floor(maxOutstandingBytes * flowControlShare.bytes - this.#leases.bytes / heldPerByte),
    }
  }

  #take(deliveries: readonly PulledDelivery[]): void {
    const taken = this.#admitted(deliveries)
    this.#leases.add(taken)
    if (taken.length < deliveries.length) {
      const refused = deliveries.length - taken.length
      this.#options.logger.warn(
        { refused },
        'outstanding limit reached; excess messages dropped, to be redelivered',
      )
    }
    if (taken.length > 0) this.#receive(taken)
    this.#adjust()
  }

  /** Those that the limits leave room for. */
  #admitted(deliveries: readonly PulledDelivery[]): readonly PulledDelivery[] {
    let { count, bytes } = this.#leases
    const { maxOutstandingMessages, maxOutstandingBytes } = this.#options
    let bytesAfter = bytes
    for (const delivery of deliveries) bytesAfter += delivery.bytes
    // Mostly there is room for all, and no list to be made.
    const isRoomForAll =
      count + deliveries.length <= maxOutstandingMessages && bytesAfter <= maxOutstandingBytes
    if (isRoomForAll) return deliveries
    return deliveries.filter((delivery) => {
      if (!this.#hasRoom(delivery, count, bytes)) return false
      count += 1
      bytes += delivery.bytes
      return true
    })
  }

  /**
   * False where a limit leaves no room: the message is dropped, and redelivered when its deadline passes. The streams
   * are ended gracefully even then: there may be room for the next ones (measured: of 5,000 messages, cancelling the
   * streams cost 300 a delivery attempt where 100 were dropped).
   */
  #hasRoom(delivery: PulledDelivery, heldCount: number, heldBytes: number): boolean {
    const { maxOutstandingMessages, maxOutstandingBytes } = this.#options
    if (heldCount >= maxOutstandingMessages) return false
    // A message larger than the bound must pass alone, or it would never pass.
    if (heldCount > 0 && heldBytes + delivery.bytes > maxOutstandingBytes) {
      this.#full = true
      this.#neededBytes = Math.max(this.#neededBytes, Math.min(delivery.bytes, maxOutstandingBytes))
      return false
    }
    return true
  }
}
