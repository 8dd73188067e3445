// A topic without a subscription drops what is published to it. So messages for it are accepted only after it was seen to
// have one. It is then checked periodically, since subscriptions can be deleted. An emulator's topics and subscriptions
// are created, also after a restart, since it has forgotten them.
import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'
import { sleep, systemClock } from '#runtime/clock.ts'
import type { SubscriptionNames } from './admin.ts'
import { creationLine, ensureSubscription, topicCreationLine } from './admin.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, noRetry, statusOf } from './client.ts'
import { subscriptionName, topicName } from './resource-names.ts'

export interface TopicWatchOptions {
  readonly clients: PubsubClients
  readonly names: SubscriptionNames
  readonly logger: Logger
  readonly clock?: Clock
  /** Between checks of a topic that may not be published to. */
  readonly urgentMs?: number
  /** Between checks of one that may; of an emulator `urgentMs` counts. */
  readonly calmMs?: number
}

/** Of a subscription that is created on an emulator: the ingester's default. */
const ackDeadlineSeconds = 30

/** Whether a topic may be published to: before the first check it may not. */
export class TopicWatch implements AsyncDisposable {
  readonly #options: Required<TopicWatchOptions>
  /** Full names. */
  readonly topic: string
  readonly subscription: string
  readonly #stop = new AbortController()
  #watching: Promise<void> = Promise.resolve()
  #reason: string | undefined
  #isKnown = false
  #hasWarned = false

  constructor(options: TopicWatchOptions) {
    this.#options = { clock: systemClock, urgentMs: 2000, calmMs: 30_000, ...options }
    const { clients, names } = options
    this.topic = topicName(clients.projectId, names.topicId)
    this.subscription = subscriptionName(clients.projectId, names.subscriptionId)
    this.#reason = `${this.topic} has not been checked yet`
  }

  /** Why nothing may be published to it; undefined: it may. */
  get notReadyBecause(): string | undefined {
    return this.#reason
  }

  /**
   * With an emulator: both exist when it resolves.
   *
   * @throws gRPC errors of an emulator
   */
  async prepare(): Promise<void> {
    if (this.#options.clients.isEmulator) await this.#create()
    else await this.#check()
  }

  /** Checks periodically from now on. */
  start(): void {
    this.#watching = this.#watch()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }

  async #watch(): Promise<void> {
    const { clients, clock, urgentMs, calmMs } = this.#options
    const { signal } = this.#stop
    for (;;) {
      const isUrgent = clients.isEmulator || this.#reason !== undefined
      await sleep(clock, isUrgent ? urgentMs : calmMs, signal)
      if (signal.aborted) return
      // Publishing itself shows that an emulator is unavailable.
      await (clients.isEmulator ? this.#create().catch(() => {}) : this.#check())
    }
  }

  async #create(): Promise<void> {
    const { clients, names } = this.#options
    // Between the two the topic would drop what is published.
    await ensureSubscription(clients, names, ackDeadlineSeconds, () => {
      this.#reason = `${this.subscription} is being created`
    })
    this.#setReason(undefined)
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    const { publisher } = this.#options.clients
    try {
      const settings = { ...noRetry, autoPaginate: false }
      const request = { topic: this.topic, pageSize: 1000 }
      const [subscriptions] = await publisher.listTopicSubscriptions(request, settings)
      this.#checkSubscriptions(subscriptions)
    } catch (error) {
      this.#failed(error)
    }
  }

  #checkSubscriptions(subscriptions: readonly string[]): void {
    if (subscriptions.length === 0) {
      const line = creationLine(this.subscription, this.topic)
      return this.#setReason(
        `${this.topic} has no subscription, and would drop what is published; create it: ${line}`,
      )
    }
    this.#setReason(undefined)
    if (!subscriptions.includes(this.subscription)) {
      const others = subscriptions.slice(0, 3).join(', ')
      this.#warnOnce(`${this.subscription} is not a subscription of the topic (it has: ${others})`)
    }
  }

  #failed(error: unknown): void {
    switch (statusOf(error)) {
      case grpcStatus.permissionDenied:
        this.#warnOnce(
          'cannot check whether the topic has a subscription: grant pubsub.topics.get (roles/pubsub.viewer)',
        )
        return this.#setReason(undefined)
      case grpcStatus.notFound:
        return this.#setReason(`${this.topic} does not exist; create it: ${topicCreationLine(this.topic)}`)
      default:
        // The last check still counts: publishing itself shows whether the broker is unavailable.
        if (!this.#isKnown) this.#reason = `cannot check ${this.topic}: ${messageOf(error)}`
    }
  }

  #setReason(reason: string | undefined): void {
    const { logger } = this.#options
    if (reason !== undefined && (reason !== this.#reason || !this.#isKnown)) logger.warn({}, reason)
    if (reason === undefined && this.#isKnown && this.#reason !== undefined)
      logger.info({ topic: this.topic }, 'the topic has a subscription now')
    this.#isKnown = true
    this.#reason = reason
  }

  #warnOnce(message: string): void {
    if (!this.#hasWarned) this.#options.logger.warn({ topic: this.topic }, message)
    this.#hasWarned = true
  }
}
