import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { Backoff } from '#runtime/backoff.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import type { PubsubClients } from './client.ts'
import { isPermanent } from './client.ts'
import type { Confirmations } from './pull-response.ts'
import type { PulledDelivery } from './pulled-delivery.ts'
import { PullStream } from './pull-stream.ts'

export interface StreamGroupOptions {
  readonly subscriber: PubsubClients['subscriber']
  readonly subscription: string
  readonly ackDeadlineMs: number
  readonly streams: number
  readonly clock: Clock
  readonly logger: Logger
  readonly observer: Observer
  /** What may still be requested, in total. */
  readonly room: () => { messages: number; bytes: number }
  readonly received: (deliveries: PulledDelivery[]) => void
  readonly confirmed: (confirmations: Confirmations) => void
  readonly onFatal: (error: Error) => void
  readonly isConnected: () => boolean
  readonly liveness: Liveness
}

/** When a stream is pinged, and when one on which nothing arrived is replaced. */
export interface Liveness {
  readonly pingMs: number
  readonly silenceMs: number
  /**
   * Whether silence is always a fault. Google's service answers pings within 15 s; older emulators never do, so of one it
   * is a fault only once it has answered. https://github.com/googleapis/google-cloud-go/pull/13457
   */
  readonly heartbeatsExpected: boolean
}

/** How often streams are looked at in the time after which one counts as silent. */
const ticksPerSilence = 18

/**
 * Keeps a number of streams open until it is closed: each that ends, for any reason (also with OK, which the client
 * library would not reopen), is replaced.
 */
export class StreamGroup {
  readonly #options: StreamGroupOptions
  readonly #streams = new Set<PullStream>()
  readonly #backoff: Backoff
  #wanted = false
  #failed = false
  #cancelReopen: (() => void) | undefined
  #closed: PromiseWithResolvers<void> | undefined
  #cancelWatch: (() => void) | undefined
  #heardAtMs = 0
  #heartbeatsExpected: boolean

  constructor(options: StreamGroupOptions) {
    this.#options = options
    this.#backoff = reconnectBackoff()
    this.#heartbeatsExpected = options.liveness.heartbeatsExpected
  }

  /** For how long nothing has arrived on any stream, where that is a fault; replacements do not reset it. */
  get silentMs(): number {
    return this.#wanted && this.#heartbeatsExpected ? this.#options.clock.now() - this.#heardAtMs : 0
  }

  get openCount(): number {
    let count = 0
    for (const stream of this.#streams) if (stream.isOpen) count += 1
    return count
  }

  /**
   * Opens what is missing now and keeps it so. Streams that are being drained count until they are gone. After a fatal
   * error nothing more is opened.
   */
  open(): void {
    if (this.#wanted || this.#failed) return
    this.#wanted = true
    this.#heardAtMs = this.#options.clock.now()
    this.#fillUp()
    this.#watch()
  }

  /**
   * Replaces a stream that was opened when there was little room, once there is much more. One at a time: the others
   * continue meanwhile.
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
    this.#cancelWatch?.()
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
        channelHeardAtMs: () => this.#heardAtMs,
        heard: (isHeartbeat) => this.#heard(isHeartbeat),
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

  #heard(isHeartbeat: boolean): void {
    this.#heardAtMs = this.#options.clock.now()
    if (!isHeartbeat) return
    this.#heartbeatsExpected = true
    this.#backoff.reset()
  }

  /** Pings, and replaces one silent stream at a time: where the server merely has nothing to send, the others continue. */
  #watch(): void {
    const { clock, liveness } = this.#options
    this.#cancelWatch = clock.after(liveness.silenceMs / ticksPerSilence, () => {
      const alive = [...this.#streams].filter((stream) => !stream.isDraining)
      for (const stream of alive) if (stream.sincePingMs >= liveness.pingMs) stream.ping()
      const silent = alive.find(({ silentMs }) => silentMs >= liveness.silenceMs)
      if (silent) this.#replace(silent)
      this.#watch()
    })
  }

  #replace(silent: PullStream): void {
    const { logger, observer } = this.#options
    observer.streamSilent?.()
    const seconds = Math.round(silent.silentMs / 1000)
    // Of a server that sends no heartbeats it says nothing.
    const level = this.#heartbeatsExpected ? 'warn' : 'debug'
    logger[level]({ seconds }, 'a stream brought nothing, not even a heartbeat; replacing it')
    // Politely: what may be on its way still arrives, and costs no delivery attempt.
    silent.drain()
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
    if (error) logger.warn({ error: messageOf(error) }, 'stream closed; reconnecting')
    this.#cancelReopen ??= clock.after(this.#backoff.next(), () => {
      this.#cancelReopen = undefined
      if (this.#wanted) this.#fillUp()
    })
  }
}
