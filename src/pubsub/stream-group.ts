import type { Delivery } from '#core/delivery.ts'
import { messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { Backoff } from '#runtime/backoff.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import type { PubsubClients } from './client.ts'
import { isPermanent } from './client.ts'
import type { Confirmations } from './pull-response.ts'
import { PullStream } from './pull-stream.ts'

export interface StreamGroupOptions {
  readonly subscriber: PubsubClients['subscriber']
  readonly subscription: string
  readonly ackDeadlineMs: number
  readonly streams: number
  readonly clock: Clock
  readonly logger: Logger
  readonly observer: Observer
  /** What may still be asked for, in all. */
  readonly room: () => { messages: number; bytes: number }
  readonly received: (deliveries: Delivery[]) => void
  readonly confirmed: (confirmations: Confirmations) => void
  readonly onFatal: (error: Error) => void
}

/**
 * Keeps a number of streams open while it is told to: each that ends, for whatever reason (with OK too, which the
 * client library would not reopen), is followed by another.
 */
export class StreamGroup {
  readonly #options: StreamGroupOptions
  readonly #streams = new Set<PullStream>()
  readonly #backoff: Backoff
  #wanted = false
  #failed = false
  #cancelReopen: (() => void) | undefined
  #closed: PromiseWithResolvers<void> | undefined

  constructor(options: StreamGroupOptions) {
    this.#options = options
    this.#backoff = reconnectBackoff()
  }

  get openCount(): number {
    let count = 0
    for (const stream of this.#streams) if (stream.isOpen) count += 1
    return count
  }

  /**
   * Opens what is missing now and keeps it so. Streams that are being drained count until they are gone. After a fatal
   * error nothing is opened any more.
   */
  open(): void {
    if (this.#wanted || this.#failed) return
    this.#wanted = true
    this.#fillUp()
  }

  /**
   * Replaces a stream that was opened when there was little room, once there is much more. One at a time: the others
   * go on meanwhile.
   */
  renew(): void {
    const streams = [...this.#streams]
    const allOpen = streams.every((stream) => stream.isOpen && !stream.isDraining)
    if (!this.#wanted || !allOpen || streams.length < this.#options.streams) return
    const share = this.#share()
    streams.find((stream) => stream.asksTooLittle(share))?.drain()
  }

  /** Ends all streams politely and opens no more. */
  drain(): void {
    if (!this.#wanted) return
    this.#wanted = false
    this.#cancelReopen?.()
    this.#cancelReopen = undefined
    for (const stream of this.#streams) stream.drain()
  }

  /** Resolves when no stream is left. */
  async closed(): Promise<void> {
    if (this.#streams.size === 0) return
    this.#closed ??= Promise.withResolvers()
    await this.#closed.promise
  }

  #fillUp(): void {
    const missing = this.#options.streams - this.#streams.size
    for (let i = 0; i < missing; i++) this.#openOne()
  }

  #openOne(): void {
    const { observer } = this.#options
    const { messages, bytes } = this.#share()
    const stream: PullStream = new PullStream(
      {
        ...this.#options,
        maxMessages: messages,
        maxBytes: bytes,
        received: (deliveries) => {
          this.#backoff.reset()
          this.#options.received(deliveries)
        },
        ended: (error) => this.#ended(stream, error),
      },
      () => {
        observer.streamsOpen?.(this.openCount)
        this.renew()
      },
    )
    this.#streams.add(stream)
  }

  /** What one stream may ask for. */
  #share(): { messages: number; bytes: number } {
    const { streams, room } = this.#options
    const { messages, bytes } = room()
    return {
      messages: Math.max(1, Math.floor(messages / streams)),
      bytes: Math.max(1, Math.floor(bytes / streams)),
    }
  }

  #ended(stream: PullStream, error: Error | undefined): void {
    const { logger, observer, onFatal, clock } = this.#options
    this.#streams.delete(stream)
    observer.streamsOpen?.(this.openCount)
    if (this.#streams.size === 0) this.#closed?.resolve()
    if (!this.#wanted) return
    if (error && isPermanent(error)) {
      this.#failed = true
      this.drain()
      onFatal(error)
      return
    }
    if (error) logger.warn({ error: messageOf(error) }, 'a stream ended; opening another')
    this.#cancelReopen ??= clock.after(this.#backoff.next(), () => {
      this.#cancelReopen = undefined
      if (this.#wanted) this.#fillUp()
    })
  }
}
