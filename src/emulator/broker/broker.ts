import type { DeliveryFaults } from './backlog.ts'
import type { Clock } from './clock.ts'
import type { Entry } from './entry.ts'
import type { Message, Outgoing } from './message.ts'
import { contentOf, newMessage } from './message.ts'
import { deletedTopic, projectOf } from './names.ts'
import type { SubscriptionConfig, TopicConfig } from './proto.ts'
import { StatusError, notFound, shuttingDown } from './status.ts'
import { Subscription } from './subscription.ts'

export interface BrokerOptions {
  readonly clock: Clock
  readonly faults: DeliveryFaults
  readonly history: boolean
  readonly beforeAck: () =>
    | ((subscription: Subscription, entries: readonly Entry[]) => Promise<void>)
    | undefined
}

interface Topic {
  config: TopicConfig
  readonly subscriptions: Set<Subscription>
}

/** All topics and subscriptions, and what passes from the ones to the others. Names and settings are valid here. */
export class Broker implements Disposable {
  readonly #options: BrokerOptions
  readonly #topics = new Map<string, Topic>()
  readonly #subscriptions = new Map<string, Subscription>()
  /**
   * Of messages and subscriptions. It begins with the time, since clients that remember ids would otherwise take those of an
   * emulator that was started again for those of the one before.
   */
  #lastNumber: number
  #paused = false

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#lastNumber = options.clock.unixMs() * 1000
  }

  get subscriptions(): Iterable<Subscription> {
    return this.#subscriptions.values()
  }

  createTopic(config: TopicConfig): TopicConfig {
    const name = config.name ?? ''
    if (this.#topics.has(name))
      throw new StatusError('ALREADY_EXISTS', `Topic already exists (resource=${name}).`)
    this.#topics.set(name, { config, subscriptions: new Set() })
    return config
  }

  topic(name: string): TopicConfig {
    return this.#topic(name).config
  }

  changeTopic(config: TopicConfig): TopicConfig {
    return (this.#topic(config.name ?? '').config = config)
  }

  /** Its subscriptions stay, with what is in them. */
  deleteTopic(name: string): void {
    const { subscriptions } = this.#topic(name)
    for (const subscription of subscriptions) {
      subscription.config = { ...subscription.config, topic: deletedTopic }
    }
    this.#topics.delete(name)
  }

  /** Those of a project, by name. */
  topicsOf(project: string): TopicConfig[] {
    const all = [...this.#topics.values()].map(({ config }) => config)
    return all.filter(({ name }) => name?.startsWith(`${project}/`)).sort(byName)
  }

  /** Names of those that are attached to a topic, sorted. */
  subscriptionsOfTopic(name: string): string[] {
    return [...this.#topic(name).subscriptions].map((subscription) => subscription.name).sort()
  }

  /** @returns the ids, in order */
  publish(topic: string, messages: readonly Outgoing[]): string[] {
    const { subscriptions } = this.#topic(topic)
    const now = this.#options.clock.unixMs()
    return messages.map((outgoing) => {
      const message = newMessage(outgoing, String(this.#nextNumber()), now)
      for (const subscription of subscriptions) subscription.publish(message)
      return message.id
    })
  }

  createSubscription(config: SubscriptionConfig): SubscriptionConfig {
    const name = config.name ?? ''
    const topic = this.#topic(config.topic ?? '')
    if (this.#subscriptions.has(name)) {
      throw new StatusError('ALREADY_EXISTS', `Subscription already exists (resource=${name}).`)
    }
    this.#checkDeadLetterTopic(config)
    const { clock, faults, history } = this.#options
    const subscription = new Subscription({
      config,
      clock,
      number: this.#nextNumber(),
      faults,
      history,
      deadLetter: (message, failures, from) => this.#deadLetter(message, failures, from),
      beforeAck: () => {
        const look = this.#options.beforeAck()
        return look && ((entries) => look(subscription, entries))
      },
    })
    subscription.paused = this.#paused
    this.#subscriptions.set(name, subscription)
    topic.subscriptions.add(subscription)
    return config
  }

  subscription(name: string): Subscription {
    const subscription = this.#subscriptions.get(name)
    if (!subscription) throw notFound(`Subscription does not exist (resource=${name}).`)
    return subscription
  }

  changeSubscription(config: SubscriptionConfig): SubscriptionConfig {
    const subscription = this.subscription(config.name ?? '')
    const { deadLetterTopic } = subscription.config.deadLetterPolicy ?? {}
    if (config.deadLetterPolicy?.deadLetterTopic !== deadLetterTopic) this.#checkDeadLetterTopic(config)
    subscription.config = config
    return config
  }

  subscriptionsOf(project: string): SubscriptionConfig[] {
    const all = [...this.#subscriptions.values()].map(({ config }) => config)
    return all.filter(({ name }) => name?.startsWith(`${project}/`)).sort(byName)
  }

  /** It gets nothing more, and what is in it is dropped; it stays, to be looked at and deleted. */
  detach(name: string): void {
    const subscription = this.subscription(name)
    this.#topics.get(subscription.config.topic ?? '')?.subscriptions.delete(subscription)
    subscription.detach()
  }

  deleteSubscription(name: string): void {
    const subscription = this.subscription(name)
    this.#topics.get(subscription.config.topic ?? '')?.subscriptions.delete(subscription)
    this.#subscriptions.delete(name)
    subscription.end(notFound(`Subscription does not exist (resource=${name}).`))
    subscription[Symbol.dispose]()
  }

  /** While paused nothing is delivered; everything else continues. */
  set paused(paused: boolean) {
    this.#paused = paused
    for (const subscription of this.#subscriptions.values()) subscription.paused = paused
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions.values()) {
      subscription.end(shuttingDown())
      subscription[Symbol.dispose]()
    }
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name)
    if (!topic) throw notFound(`Topic not found (resource=${name}).`)
    return topic
  }

  #checkDeadLetterTopic({ deadLetterPolicy }: SubscriptionConfig): void {
    const topic = deadLetterPolicy && (deadLetterPolicy.deadLetterTopic ?? '')
    if (topic != null && !this.#topics.has(topic)) {
      throw notFound(`Dead letter topic not found (resource=${topic}).`)
    }
  }

  /** https://cloud.google.com/pubsub/docs/dead-letter-topics */
  #deadLetter(message: Message, failures: number, { config, name }: Subscription): boolean {
    const topic = config.deadLetterPolicy?.deadLetterTopic ?? ''
    if (!this.#topics.has(topic)) return false
    const { data, attributes, orderingKey, publishMs } = contentOf(message)
    const source = {
      CloudPubSubDeadLetterSourceDeliveryCount: String(failures),
      CloudPubSubDeadLetterSourceSubscription: name.split('/')[3] ?? '',
      CloudPubSubDeadLetterSourceSubscriptionProject: projectOf(name),
      CloudPubSubDeadLetterSourceTopicPublishTime: new Date(publishMs).toISOString(),
    }
    this.publish(topic, [{ data, attributes: { ...attributes, ...source }, orderingKey }])
    return true
  }

  #nextNumber(): number {
    return ++this.#lastNumber
  }
}

function byName(a: { name?: string | null }, b: { name?: string | null }): number {
  return (a.name ?? '') < (b.name ?? '') ? -1 : 1
}
