import type { Entry } from './entry.ts'
import { EntryList } from './entry.ts'

interface OrderedKey {
  /** Those whose turn has not come. */
  readonly queue: EntryList
  /** Delivered together; also those that are acked while one before them is not. */
  readonly out: Entry[]
  /** The one whose turn it is; it stands among the available ones. */
  head: Entry | undefined
}

interface Settled {
  readonly done: readonly Entry[]
  readonly next: Entry | undefined
}

/**
 * Keeps the entries of an ordering key in order. Only the first of a key may be delivered, with as many of its
 * followers as the same response has room for; the next ones when all of these are acked. If one of them fails, those
 * behind it are redelivered after it, also those that are acked: https://cloud.google.com/pubsub/docs/ordering
 */
export class OrderedKeys {
  readonly #keys = new Map<string, OrderedKey>()

  /** A new entry. True: it is its turn; false: it is kept here until then. */
  enter(entry: Entry): boolean {
    const { orderingKey } = entry.message
    const key = this.#keys.get(orderingKey)
    if (key) {
      key.queue.push(entry)
      return false
    }
    this.#keys.set(orderingKey, { queue: new EntryList(), out: [], head: entry })
    return true
  }

  /** It is delivered. */
  leased(entry: Entry): void {
    const key = this.#of(entry)
    if (key.head === entry) key.head = undefined
    else key.queue.remove(entry)
    key.out.push(entry)
  }

  /** The one that may be delivered together with it. */
  following(entry: Entry): Entry | undefined {
    return this.#of(entry).queue.first
  }

  /** Its state is `acked`. Returns those that are done with now, and the one whose turn it is now. */
  settled(entry: Entry): Settled {
    const key = this.#of(entry)
    return this.#proceed(key, entry, key.head === entry ? [entry] : [])
  }

  /** As `settled`; but it is not redelivered, even if those before it are. */
  left(entry: Entry): Settled {
    const key = this.#of(entry)
    key.out.splice(key.out.indexOf(entry), 1)
    return this.#proceed(key, entry, [entry])
  }

  /** Those delivered after it, which must be redelivered after it. */
  behind(entry: Entry): Entry[] {
    return this.#of(entry).out.filter((other) => other.sequence > entry.sequence)
  }

  /** It and those behind it are no longer leased. Returns the one whose turn it is now. */
  failed(entry: Entry): Entry | undefined {
    const key = this.#of(entry)
    const back = key.out.filter((other) => other.sequence >= entry.sequence)
    key.out.splice(key.out.length - back.length)
    for (const one of back.toReversed()) key.queue.unshift(one)
    return this.#advance(key, entry.message.orderingKey)
  }

  clear(): void {
    this.#keys.clear()
  }

  #proceed(key: OrderedKey, entry: Entry, done: Entry[]): Settled {
    if (key.head === entry) key.head = undefined
    while (key.out[0]?.state === 'acked') done.push(key.out.shift() as Entry)
    return { done, next: this.#advance(key, entry.message.orderingKey) }
  }

  #advance(key: OrderedKey, name: string): Entry | undefined {
    if (key.head || key.out.length > 0) return undefined
    key.head = key.queue.shift()
    if (!key.head) this.#keys.delete(name)
    return key.head
  }

  #of(entry: Entry): OrderedKey {
    const key = this.#keys.get(entry.message.orderingKey)
    if (!key) throw new Error('an entry whose key is not known')
    return key
  }
}
