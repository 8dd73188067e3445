// The messages of one subscription, and what state each is in: the heart of the emulator.
//
//            publish                take                     acknowledge
//     ───────────────▶ available ──────────▶ leased ─────────────────────▶ gone (or kept as acked)
//                        ▲   ▲                 │ nack, deadline passed
//                        │   └── waiting ◀─────┤ retry policy, or a delay that a test asked for
//                        └─────────────────────┘
//
// Every step takes constant time, whatever the number of messages: a service that slows down with its backlog would
// hide what its clients do then.
import { AckIds } from './ack-ids.ts'
import type { Clock } from './clock.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import type { Holder } from './entry.ts'
import { Entry, EntryList } from './entry.ts'
import type { Message } from './message.ts'
import { OrderedKeys } from './ordered-keys.ts'

/** A message on its way to a subscriber. */
export interface Delivery {
  readonly message: Message
  readonly ackId: string
  /** 1 for the first. */
  readonly attempt: number
}

/** What a subscription's settings mean here; read each time, since they may change. */
export interface BacklogRules {
  readonly ordered: boolean
  readonly retainAcked: boolean
  readonly retentionMs: number
  /** Backoff after this number of failures. */
  backoffMs(failures: number): number
  /** Takes over a message after this number of failures; false: it stays here. */
  deadLetter(message: Message, failures: number): boolean
}

/** What goes wrong with deliveries on purpose; asked at each. */
export interface DeliveryFaults {
  /** Whether this delivery is made twice. */
  duplicates(): boolean
  /** How many of those that wait before it a message overtakes. */
  shufflePlaces(): number
  /** How long it becomes available late. */
  delayMs(): number
}

export interface BacklogOptions {
  readonly clock: Clock
  /** In ack ids. */
  readonly number: number
  readonly rules: BacklogRules
  readonly faults: DeliveryFaults
  /** Whether what is gone is still told by `entries()`. */
  readonly history: boolean
  /** There is something to deliver. */
  readonly onAvailable: () => void
}

/** A message that is larger comes alone. */
const maxBytesAtOnce = 1024 * 1024

export interface TakeLimits {
  /** Of the messages that others could have as well: those that follow one of their ordering key do not count. */
  readonly share: number
  readonly messages: number
  /** Not exceeded, but by the first message where `orOne` is set. */
  readonly bytes: number
  readonly orOne: boolean
}

export class Backlog {
  readonly #options: BacklogOptions
  readonly #ackIds: AckIds
  /** All that are not gone, in the order in which they were published. */
  readonly #entries = new Map<number, Entry>()
  readonly #available = new EntryList()
  readonly #wheel: DeadlineWheel
  readonly #ordered = new OrderedKeys()
  readonly #gone: Entry[] = []
  #sequence = 0

  constructor(options: BacklogOptions) {
    this.#options = options
    this.#ackIds = new AckIds(options.number)
    this.#wheel = new DeadlineWheel(options.clock, (entry) => this.#due(entry))
  }

  get available(): number {
    return this.#available.size
  }

  /** Oldest first; with those that are gone before them, where a history is kept. */
  *entries(): Iterable<Entry> {
    yield* this.#gone
    yield* this.#entries.values()
  }

  add(message: Message): void {
    const entry = new Entry(message, ++this.#sequence)
    this.#entries.set(entry.sequence, entry)
    this.#enter(entry)
  }

  /** Leases the next ones to `holder`, for `leaseMs`. */
  take(limits: TakeLimits, leaseMs: number, holder: Holder): Delivery[] {
    const taken: Delivery[] = []
    let bytes = 0
    const fits = ({ message: { size } }: Entry) => {
      if (taken.length >= limits.messages) return false
      if (taken.length === 0) return limits.orOne || size <= limits.bytes
      return bytes + size <= Math.min(limits.bytes, maxBytesAtOnce)
    }
    const take = (entry: Entry) => {
      bytes += entry.message.size
      taken.push(this.#lease(entry, leaseMs, holder))
    }
    let left = limits.share
    const oldestMs = this.#oldestMs()
    const first = () => this.#first(oldestMs)
    for (let entry = first(); left > 0 && entry && fits(entry); entry = first()) {
      left -= 1
      this.#available.remove(entry)
      if (entry.echoOf) {
        bytes += entry.message.size
        taken.push(this.#repeat(entry.echoOf))
        continue
      }
      take(entry)
      if (!this.#isOrdered(entry)) continue
      for (let next = this.#ordered.following(entry); next && fits(next); ) {
        take(next)
        next = this.#ordered.following(entry)
      }
    }
    return taken
  }

  /**
   * The leased entry that an ack id stands for; undefined if the id is stale.
   *
   * @throws StatusError if it is no ack id
   */
  find(ackId: string): Entry | undefined {
    const id = this.#ackIds.parse(ackId)
    const entry = id && this.#entries.get(id.sequence)
    if (!id || entry?.state !== 'leased') return undefined
    return id.delivery >= entry.oldestAckId && id.delivery <= entry.newestAckId ? entry : undefined
  }

  /** @param entry from `find` */
  acknowledge(entry: Entry): void {
    entry.acks += 1
    this.#wheel.remove(entry)
    this.#release(entry)
    this.#settle(entry)
  }

  /** @param entry from `find` */
  extend(entry: Entry, leaseMs: number): void {
    entry.modacks += 1
    this.#wheel.remove(entry)
    this.#wheel.add(entry, leaseMs)
  }

  /** @param entry from `find` */
  nack(entry: Entry): void {
    entry.nacks += 1
    this.#wheel.remove(entry)
    this.#fail(entry)
  }

  /** Ends the leases of those that `isMeant` says, as if their deadlines had passed. */
  expire(isMeant: (entry: Entry) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'leased' || !isMeant(entry)) continue
      this.#wheel.remove(entry)
      this.#fail(entry)
    }
  }

  /** Delivers again what is leased, without ending the leases. */
  repeat(isMeant: (entry: Entry) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.state === 'leased' && !this.#isOrdered(entry) && isMeant(entry)) this.#echo(entry)
    }
  }

  /** What was published before counts as acked, the rest as never delivered. */
  seek(unixMs: number): void {
    const all = [...this.#entries.values()]
    this.clear()
    for (const entry of all) {
      this.#entries.set(entry.sequence, entry)
      entry.failures = 0
      entry.restEndMs = 0
      if (entry.message.publishMs < unixMs) this.#finish(entry)
      else this.#enter(entry)
    }
  }

  /** Drops what is older than the retention; call it from time to time. Leased messages stay with their subscribers. */
  sweep(): void {
    const oldestMs = this.#oldestMs()
    for (const entry of this.#entries.values()) {
      if (entry.message.publishMs >= oldestMs) return
      if (entry.list === this.#available) this.#dropAvailable(entry)
      else if (entry.state === 'acked') this.#drop(entry)
    }
  }

  /** Drops everything. */
  clear(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state === 'leased') this.#release(entry)
      entry.list?.remove(entry)
    }
    for (let echo = this.#available.shift(); echo; echo = this.#available.shift());
    this.#wheel[Symbol.dispose]()
    this.#ordered.clear()
    this.#entries.clear()
  }

  #isOrdered({ message }: Entry): boolean {
    return this.#options.rules.ordered && message.orderingKey !== ''
  }

  /** What was published before is older than the retention. */
  #oldestMs(): number {
    return this.#options.clock.unixMs() - this.#options.rules.retentionMs
  }

  /** The first that is available; those that are too old are dropped on the way. */
  #first(oldestMs: number): Entry | undefined {
    let entry = this.#available.first
    for (; entry && entry.message.publishMs < oldestMs; entry = this.#available.first)
      this.#dropAvailable(entry)
    return entry
  }

  #dropAvailable(entry: Entry): void {
    this.#available.remove(entry)
    this.#settle(entry)
    this.#drop(entry)
  }

  /** It is to be delivered, when its turn has come. */
  #enter(entry: Entry): void {
    entry.state = 'available'
    if (!this.#isOrdered(entry) || this.#ordered.enter(entry)) this.#offer(entry)
  }

  /** It is its turn, if it need not rest. */
  #offer(entry: Entry): void {
    const restMs = Math.max(0, entry.restEndMs - this.#options.clock.now())
    const waitMs = restMs + this.#options.faults.delayMs()
    if (waitMs > 0) {
      entry.state = 'waiting'
      return this.#wheel.add(entry, waitMs)
    }
    entry.state = 'available'
    this.#available.insertFromEnd(entry, this.#isOrdered(entry) ? 0 : this.#options.faults.shufflePlaces())
    this.#options.onAvailable()
  }

  #lease(entry: Entry, leaseMs: number, holder: Holder): Delivery {
    if (this.#isOrdered(entry)) this.#ordered.leased(entry)
    entry.state = 'leased'
    entry.holder = holder
    holder.leased(entry.message)
    entry.deliveries += 1
    entry.newestAckId += 1
    entry.oldestAckId = entry.newestAckId
    this.#wheel.add(entry, leaseMs)
    if (!this.#isOrdered(entry) && this.#options.faults.duplicates()) this.#echo(entry)
    return this.#delivery(entry)
  }

  #delivery({ message, sequence, newestAckId, failures }: Entry): Delivery {
    return { message, ackId: this.#ackIds.format(sequence, newestAckId), attempt: failures + 1 }
  }

  #echo(entry: Entry): void {
    this.#offer(new Entry(entry.message, 0, entry))
  }

  /** While the first delivery is out, acks of either count; after that the second one's is stale from the start. */
  #repeat(entry: Entry): Delivery {
    entry.deliveries += 1
    entry.newestAckId += 1
    return this.#delivery(entry)
  }

  /** A deadline has passed, or a rest is over. */
  #due(entry: Entry): void {
    if (entry.state === 'leased') return this.#fail(entry)
    entry.state = 'available'
    this.#available.push(entry)
    this.#options.onAvailable()
  }

  #release(entry: Entry): void {
    const { holder } = entry
    entry.holder = undefined
    holder?.released(entry.message)
  }

  /** It is no longer leased, and not acked. It is in no list. */
  #fail(entry: Entry): void {
    const { rules } = this.#options
    this.#release(entry)
    entry.failures += 1
    if (rules.deadLetter(entry.message, entry.failures)) {
      return this.#settle(entry, (ordered) => ordered.left(entry))
    }
    entry.restEndMs = this.#options.clock.now() + rules.backoffMs(entry.failures)
    if (!this.#isOrdered(entry)) return this.#offer(entry)
    for (const behind of this.#ordered.behind(entry)) {
      if (behind.state === 'leased') {
        this.#wheel.remove(behind)
        this.#release(behind)
      }
      behind.state = 'available'
    }
    entry.state = 'available'
    const head = this.#ordered.failed(entry)
    if (head) this.#offer(head)
  }

  /** It will not be delivered again; the next of its key may be. */
  #settle(entry: Entry, proceed = (ordered: OrderedKeys) => ordered.settled(entry)): void {
    entry.state = 'acked'
    if (!this.#isOrdered(entry)) return this.#finish(entry)
    const { done, next } = proceed(this.#ordered)
    for (const one of done) this.#finish(one)
    if (next) this.#offer(next)
  }

  #finish(entry: Entry): void {
    entry.state = 'acked'
    if (!this.#options.rules.retainAcked) this.#drop(entry)
  }

  #drop(entry: Entry): void {
    if (this.#entries.delete(entry.sequence) && this.#options.history) this.#gone.push(entry)
  }
}
