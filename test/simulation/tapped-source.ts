import type { PulledDelivery } from '#pubsub/pulled-delivery.ts'
import type { Source } from '#core/source.ts'
import { loadBreaches } from '../oracle/bounds.ts'
import type { Watched } from '../simulated/servers/host.ts'
import type { Plan } from './plan.ts'
import type { Story } from '../simulated/servers/story.ts'

/** The real source, observed: which replica holds which deliveries, and nacks which. */
export class TappedSource implements Source<PulledDelivery> {
  readonly #source: Source<PulledDelivery>
  readonly #replica: Watched
  readonly #plan: Plan
  readonly #story: Story
  readonly #held = new Set<PulledDelivery>()
  #bytes = 0

  constructor(source: Source<PulledDelivery>, replica: Watched, plan: Plan, story: Story) {
    this.#source = source
    this.#replica = replica
    this.#plan = plan
    this.#story = story
  }

  start(receive: (deliveries: readonly PulledDelivery[]) => void): void {
    this.#source.start((deliveries) => {
      for (const delivery of deliveries) {
        this.#held.add(delivery)
        this.#bytes += delivery.bytes
      }
      this.#tell('receives', deliveries)
      this.#checkBounds()
      this.#replica.at('received')
      if (this.#replica.alive) receive(deliveries)
    })
  }

  ack(deliveries: readonly PulledDelivery[]): void {
    if (!this.#replica.alive) return
    this.#end(deliveries)
    this.#tell('acks', deliveries)
    this.#source.ack(deliveries)
  }

  nack(deliveries: readonly PulledDelivery[]): void {
    if (!this.#replica.alive) return
    this.#end(deliveries)
    this.#tell('nacks', deliveries)
    if (!this.#replica.aborted)
      this.#story.breach('settlements', `${this.#replica.name} nacks without a forced shutdown`)
    this.#source.nack(deliveries)
  }

  /** Whether it has received this and not settled it. */
  holds(ackId: string): boolean {
    return this.#held.values().some((delivery) => delivery.ackId === ackId)
  }

  hold(): void {
    this.#source.hold()
  }

  resume(): void {
    this.#source.resume()
  }

  stop(): Promise<void> {
    return this.#source.stop()
  }

  close(): Promise<void> {
    const { alive } = this.#replica
    if (alive && this.#held.size > 0) {
      this.#story.breach('stopping', `${this.#replica.name} closes while it holds ${this.#held.size}`)
    }
    return this.#source.close()
  }

  #end(deliveries: readonly PulledDelivery[]): void {
    for (const delivery of deliveries) {
      if (!this.#held.delete(delivery)) {
        const { messageId, ackId } = delivery
        this.#story.breach('settlements', `${this.#replica.name} settles ${messageId} (${ackId}) twice`)
      } else this.#bytes -= delivery.bytes
    }
  }

  #checkBounds(): void {
    const load = { messages: this.#held.size, bytes: this.#bytes }
    for (const breach of loadBreaches(this.#replica.name, load, this.#plan)) {
      this.#story.breach('bounds', breach)
    }
  }

  #tell(what: string, deliveries: readonly PulledDelivery[]): void {
    this.#story.tell(
      this.#replica.name,
      () =>
        `${what} ${deliveries.map(({ messageId, data }) => `${messageId} (${data.toString()})`).join(', ')}`,
    )
  }
}
