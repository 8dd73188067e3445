import type { Delivery } from '#core/delivery.ts'

/**
 * A delivery as a user's module sees it. What it changes there, or in the data, stays there: a dead letter has the message
 * as it came, and the engine's notes on the delivery are its own.
 */
export class MessageView implements Delivery {
  readonly #delivery: Delivery
  #data: Buffer | undefined

  constructor(delivery: Delivery) {
    this.#delivery = delivery
  }

  get messageId(): string {
    return this.#delivery.messageId
  }

  get subscription(): string | undefined {
    return this.#delivery.subscription
  }

  get publishTimeMs(): number {
    return this.#delivery.publishTimeMs
  }

  get orderingKey(): string {
    return this.#delivery.orderingKey
  }

  get attributes(): Delivery['attributes'] {
    return this.#delivery.attributes
  }

  get data(): Buffer {
    return (this.#data ??= Buffer.from(this.#delivery.data))
  }

  get deliveryAttempt(): number {
    return this.#delivery.deliveryAttempt
  }

  get bytes(): number {
    return this.#delivery.bytes
  }

  get receivedAtMs(): number {
    return this.#delivery.receivedAtMs
  }
}
