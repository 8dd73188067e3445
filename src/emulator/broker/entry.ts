import type { Message } from './message.ts'

/** Who holds leases: what has been delivered and not come back counts against its bounds. */
export interface Holder {
  leased(message: Message): void
  /** A lease that it held has ended, one way or another. */
  released(message: Message): void
}

/**
 * - `available`: to be delivered
 * - `leased`: delivered, and not yet settled
 * - `waiting`: to be available later (a retry policy's backoff)
 * - `acked`: done; kept only where the subscription retains acked messages
 */
export type EntryState = 'available' | 'leased' | 'waiting' | 'acked'

/** One message as one subscription sees it. An entry is in at most one list at a time, and carries its own links. */
export class Entry {
  readonly message: Message
  /** Place in the subscription, ascending. */
  readonly sequence: number
  state: EntryState = 'available'
  holder: Holder | undefined = undefined
  /** Numbers of the newest ack id, and of the oldest that is good with it, while it is leased. */
  newestAckId = 0
  oldestAckId = 1
  /** Of another entry: a second delivery of the same message, whatever has become of the first. */
  readonly echoOf: Entry | undefined

  /** Nacks and expired leases since it was published (or sought back to). */
  failures = 0
  /** Until then it rests, by the monotonic clock. */
  restEndMs = 0
  deliveries = 0
  acks = 0
  nacks = 0
  modacks = 0

  list: EntryList | undefined = undefined
  previous: Entry | undefined = undefined
  next: Entry | undefined = undefined

  constructor(message: Message, sequence: number, echoOf?: Entry) {
    this.message = message
    this.sequence = sequence
    this.echoOf = echoOf
  }
}

/** A doubly linked list whose members carry the links: all is done in constant time and nothing is allocated. */
export class EntryList {
  size = 0
  first: Entry | undefined = undefined
  last: Entry | undefined = undefined

  push(entry: Entry): void {
    this.#link(entry, this.last, undefined)
  }

  unshift(entry: Entry): void {
    this.#link(entry, undefined, this.first)
  }

  /** Puts it this many places before the end, or first where there are fewer. */
  insertFromEnd(entry: Entry, places: number): void {
    let next: Entry | undefined
    for (let i = 0; i < places; i += 1) {
      const before = next ? next.previous : this.last
      if (!before) break
      next = before
    }
    this.#link(entry, next ? next.previous : this.last, next)
  }

  shift(): Entry | undefined {
    const entry = this.first
    if (entry) this.remove(entry)
    return entry
  }

  /** @param entry a member */
  remove(entry: Entry): void {
    const { previous, next } = entry
    if (previous) previous.next = next
    else this.first = next
    if (next) next.previous = previous
    else this.last = previous
    entry.list = entry.previous = entry.next = undefined
    this.size -= 1
  }

  #link(entry: Entry, previous: Entry | undefined, next: Entry | undefined): void {
    if (entry.list) throw new Error('an entry is in one list at most')
    entry.list = this
    entry.previous = previous
    entry.next = next
    if (previous) previous.next = entry
    else this.first = entry
    if (next) next.previous = entry
    else this.last = entry
    this.size += 1
  }
}
