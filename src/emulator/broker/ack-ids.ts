import { invalidArgument } from './status.ts'

/** What an ack id says: which delivery of which entry of which subscription. */
export interface AckId {
  readonly subscription: number
  readonly sequence: number
  readonly delivery: number
}

/** Of one subscription. Numbers of subscriptions are never used again, also by emulators started later. */
export class AckIds {
  readonly #prefix: string

  constructor(subscription: number) {
    this.#prefix = `${subscription}-`
  }

  format(sequence: number, delivery: number): string {
    return `${this.#prefix}${sequence}-${delivery}`
  }

  /**
   * Undefined: it is of another subscription, or of one of this name that was deleted.
   *
   * @throws StatusError if no emulator has ever given it out
   */
  parse(id: string): Pick<AckId, 'sequence' | 'delivery'> | undefined {
    const own = id.startsWith(this.#prefix)
    const from = own ? this.#prefix.length : id.indexOf('-') + 1
    const dash = id.indexOf('-', from)
    const sequence = Number(id.slice(from, dash))
    const delivery = Number(id.slice(dash + 1))
    if (from <= 1 || dash < 0 || !isCount(sequence) || !isCount(delivery)) {
      throw invalidArgument(`Invalid ack id (ack_id=${id})`)
    }
    return own ? { sequence, delivery } : undefined
  }
}

const isCount = (number: number) => Number.isSafeInteger(number) && number > 0
