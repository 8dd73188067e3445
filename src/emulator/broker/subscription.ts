import type { DeliveryFaults } from './backlog.ts'
import { Backlog } from './backlog.ts'
import type { Clock } from './clock.ts'
import type { Consumer } from './dispatcher.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Entry } from './entry.ts'
import type { Message } from './message.ts'
import type { SubscriptionConfig } from './proto.ts'
import { msOf } from './proto.ts'
import { StatusError, invalidArgument } from './status.ts'

export interface SubscriptionOptions {
  readonly config: SubscriptionConfig
  readonly clock: Clock
  /** Unlike that of any other subscription, now or earlier. */
  readonly number: number
  readonly faults: DeliveryFaults
  readonly history: boolean
  /** Takes over a message that has failed too often; false where its dead-letter topic does not exist. */
  readonly deadLetter: (message: Message, failures: number, subscription: Subscription) => boolean
  /** Looks at what is about to be acked. */
  readonly beforeAck: () => ((entries: readonly Entry[]) => Promise<void>) | undefined
}

const sweepEveryMs = 60_000

/** A subscription: its settings, what is in it, and who takes from it. */
export class Subscription implements Disposable {
  config: SubscriptionConfig
  readonly backlog: Backlog
  readonly #options: SubscriptionOptions
  readonly #dispatcher: Dispatcher
  #cancelSweep: () => void = () => {}

  constructor(options: SubscriptionOptions) {
    this.#options = options
    this.config = options.config
    const { clock, number, faults, history } = options
    this.backlog = new Backlog({
      clock,
      number,
      faults,
      history,
      rules: this.#rules(),
      onAvailable: () => this.#dispatcher.wake(),
    })
    this.#dispatcher = new Dispatcher(this.backlog)
    this.#sweepLater()
  }

  get name(): string {
    return this.config.name ?? ''
  }

  publish(message: Message): void {
    this.backlog.add(message)
  }

  /** Delivers to `consumer` until it is removed. */
  addConsumer(consumer: Consumer): void {
    this.#checkAttached()
    this.#dispatcher.add(consumer)
  }

  removeConsumer(consumer: Consumer): void {
    this.#dispatcher.remove(consumer)
  }

  /** There may be room again. */
  wake(): void {
    this.#dispatcher.wake()
  }

  set paused(paused: boolean) {
    this.#dispatcher.paused = paused
  }

  /** @throws StatusError for an id that no emulator has given out; none is acked then */
  async acknowledge(ackIds: readonly string[]): Promise<void> {
    const beforeAck = this.#options.beforeAck()
    if (beforeAck) {
      const acked = [...new Set(this.#leased(ackIds))]
      if (acked.length > 0) await beforeAck(acked)
    }
    for (const entry of this.#leased(ackIds)) {
      // One that stands twice in the request is acked by now.
      if (entry.state === 'leased') this.backlog.acknowledge(entry)
    }
  }

  /**
   * @param seconds for each id, or for all; 0: at once, which is a nack
   * @throws StatusError for an id that no emulator has given out, or a deadline out of bounds; nothing is changed then
   */
  modifyAckDeadline(ackIds: readonly string[], seconds: number | readonly number[]): void {
    const changes = ackIds.map((id, i) => {
      const to = typeof seconds === 'number' ? seconds : (seconds[i] ?? 0)
      if (to < 0) throw invalidArgument('Ack deadline cannot be negative')
      if (to > 600) throw invalidArgument('Ack deadline cannot exceed 600 seconds')
      return { entry: this.backlog.find(id), to }
    })
    for (const { entry, to } of changes) {
      // One that stands twice in the request may be gone by now.
      if (entry?.state !== 'leased') continue
      if (to === 0) this.backlog.nack(entry)
      else this.backlog.extend(entry, to * 1000)
    }
  }

  /** What was published before counts as acked, the rest as never delivered. */
  seek(unixMs: number): void {
    this.#checkAttached()
    this.backlog.seek(unixMs)
  }

  /** Nothing more comes in; what is in it is dropped. */
  detach(): void {
    this.config = { ...this.config, detached: true }
    this.end(new StatusError('FAILED_PRECONDITION', `Subscription is detached (resource=${this.name}).`))
    this.backlog.clear()
  }

  /** Sends all consumers away. */
  end(status: StatusError): void {
    this.#dispatcher.end(status)
  }

  [Symbol.dispose](): void {
    this.#cancelSweep()
    this.backlog.clear()
  }

  #checkAttached(): void {
    if (!this.config.detached) return
    throw new StatusError('FAILED_PRECONDITION', `Subscription is detached (resource=${this.name}).`)
  }

  #leased(ackIds: readonly string[]): Entry[] {
    const found: Entry[] = []
    for (const id of ackIds) {
      const entry = this.backlog.find(id)
      if (entry) found.push(entry)
    }
    return found
  }

  #rules() {
    const config = () => this.config
    const { deadLetter } = this.#options
    return {
      get ordered() {
        return config().enableMessageOrdering === true
      },
      get retainAcked() {
        return config().retainAckedMessages === true
      },
      get retentionMs() {
        return msOf(config().messageRetentionDuration ?? {})
      },
      backoffMs: (failures: number) => {
        const { retryPolicy } = config()
        if (!retryPolicy) return 0
        const [least, most] = [msOf(retryPolicy.minimumBackoff ?? {}), msOf(retryPolicy.maximumBackoff ?? {})]
        return Math.min(least * 2 ** (failures - 1), most)
      },
      deadLetter: (message: Message, failures: number) => {
        const most = config().deadLetterPolicy?.maxDeliveryAttempts
        return most != null && failures >= most && deadLetter(message, failures, this)
      },
    }
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#options.clock.after(sweepEveryMs, () => {
      this.backlog.sweep()
      this.#sweepLater()
    })
  }
}
