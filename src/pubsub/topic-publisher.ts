// One topic's share of the publish queue: what waits, by ordering key, and the calls in flight.
//
// A call has messages of one ordering key, and a key has one call in flight, so that its messages stay in order;
// messages without a key have a few. After a call that failed for no message's sake the topic is failing: what failed
// goes back to the front of its lane, and after a delay one call alone is tried, until one succeeds. So while the broker
// is away, requests wait here without ever having been sent, and can be told so; only those of the call that was in
// flight, and of the one that tries, may have arrived.
import { messageOf } from '#core/error-message.ts'
import type { Backoff } from '#runtime/backoff.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import { publishFailureOf } from './publish-failure.ts'
import type { PublishPart } from './publish-request.ts'
import type { OutgoingMessage } from './publisher.ts'
import { maxBytes, maxMessages } from './publisher.ts'

export interface TopicPublisherOptions {
  /** How long a message waits for others of the same call. */
  readonly lingerMs: number
  /** Calls in flight of messages without an ordering key. */
  readonly maxCalls: number
  /** Calls in flight, one for each ordering key. */
  readonly maxKeyedCalls: number
  readonly clock: Clock
  /** One call. @throws gRPC errors */
  readonly call: (messages: readonly OutgoingMessage[]) => Promise<void>
  /** Undefined: a call can be made; else resolves when it may be. A call that waits for a connection counts as sent. */
  readonly connecting: () => Promise<void> | undefined
  /** Called with the cause when a call fails, and with undefined when calls succeed again. */
  readonly onFailing: (cause: unknown) => void
}

interface Lane {
  readonly orderingKey: string
  /** Waiting, oldest first. */
  parts: PublishPart[]
  calls: number
}

/** Between attempts while the topic is failing. */
const backoffBetween = { initialMs: 50, maxMs: 1000 }

/** What waits for one topic, and its calls. Reports to the parts that it is given, and never rejects. */
export class TopicPublisher {
  readonly #options: TopicPublisherOptions
  readonly #backoff: Backoff = exponentialBackoff(backoffBetween)
  /** By ordering key; the one that was served last stands last. */
  readonly #lanes = new Map<string, Lane>()
  #keyedCalls = 0
  #isFailing = false
  /** While it is set nothing is sent: a linger, a delay after a failure, or a connection that is being made. */
  #waiting: 'no' | 'linger' | 'delay' = 'no'
  #cancelTimer = () => {}

  constructor(options: TopicPublisherOptions) {
    this.#options = options
  }

  /** Why calls fail at present. */
  failingBecause: string | undefined

  add(orderingKey: string, part: PublishPart): void {
    const lane = this.#laneOf(orderingKey)
    lane.parts.push(part)
    // A full call need not wait for more.
    if (this.#waiting === 'no') this.#wait('linger', this.#options.lingerMs)
    else if (this.#waiting === 'linger' && lane.parts.length === maxMessages) this.flush()
  }

  /** Sends what waits, without waiting for more. */
  flush(): void {
    if (this.#waiting === 'delay') return
    this.#cancelTimer()
    this.#waiting = 'no'
    const connecting = this.#lanes.size > 0 ? this.#options.connecting() : undefined
    if (connecting || this.#isFailing) this.#dropSettled()
    if (connecting) {
      this.failingBecause ??= 'there is no connection to the broker'
      this.#waiting = 'delay'
      void connecting.then(() => {
        this.#waiting = 'no'
        this.flush()
      })
      return
    }
    // Not of the map itself: who is served moves to its end, and would be visited again.
    for (const lane of Array.from(this.#lanes.values())) {
      while (this.#mayCall(lane)) {
        const batch = takeBatch(lane)
        if (batch.length === 0) break
        this.#begin(lane, batch)
      }
      this.#served(lane)
    }
  }

  /** What was answered meanwhile would else stay until its lane is served. */
  #dropSettled(): void {
    for (const lane of this.#lanes.values()) {
      lane.parts = lane.parts.filter(isUnsettled)
      if (lane.parts.length === 0 && lane.calls === 0) this.#lanes.delete(lane.orderingKey)
    }
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#cancelTimer()
    this.#waiting = 'delay'
  }

  #laneOf(orderingKey: string): Lane {
    const found = this.#lanes.get(orderingKey)
    if (found) return found
    const lane: Lane = { orderingKey, parts: [], calls: 0 }
    this.#lanes.set(orderingKey, lane)
    return lane
  }

  #mayCall({ orderingKey, calls, parts }: Lane): boolean {
    if (parts.length === 0) return false
    if (this.#isFailing) return this.#calls === 0
    if (orderingKey === '') return calls < this.#options.maxCalls
    return calls === 0 && this.#keyedCalls < this.#options.maxKeyedCalls
  }

  get #calls(): number {
    return this.#keyedCalls + (this.#lanes.get('')?.calls ?? 0)
  }

  #served(lane: Lane): void {
    if (lane.calls === 0 && lane.parts.length > 0) return
    this.#lanes.delete(lane.orderingKey)
    if (lane.calls > 0 || lane.parts.length > 0) this.#lanes.set(lane.orderingKey, lane)
  }

  #begin(lane: Lane, batch: readonly PublishPart[]): void {
    lane.calls += 1
    if (lane.orderingKey !== '') this.#keyedCalls += 1
    void this.#attempt(batch).then((again) => {
      lane.calls -= 1
      if (lane.orderingKey !== '') this.#keyedCalls -= 1
      this.#ended(lane, again)
    })
  }

  #ended(lane: Lane, again: readonly PublishPart[]): void {
    if (again.length > 0) lane.parts = [...again, ...lane.parts]
    if (lane.parts.length === 0 && lane.calls === 0) this.#lanes.delete(lane.orderingKey)
    else this.#lanes.set(lane.orderingKey, lane)
    if (again.length > 0) this.#wait('delay', this.#backoff.next())
    else if (this.#waiting === 'no') this.flush()
  }

  /** Tries until what fails is known; returns what is to be tried again. Never rejects. */
  async #attempt(batch: readonly PublishPart[]): Promise<readonly PublishPart[]> {
    const before = batch.map((part) => part.maybeSent)
    try {
      for (const part of batch) part.maybeSent = true
      await this.#options.call(
        batch.length === 1 ? batch[0]!.messages : batch.flatMap((part) => part.messages),
      )
      for (const part of batch) part.confirm()
      this.#succeeded()
      return []
    } catch (error) {
      const failure = publishFailureOf(error)
      if (failure !== 'unknown')
        for (const [at, part] of batch.entries()) part.maybeSent = before[at] ?? false
      if (failure === 'unknown' || failure === 'not-sent') return this.#failed(error, batch)
      if (failure === 'bad-message' && batch.length > 1) return this.#isolate(batch)
      const why = messageOf(error)
      for (const part of batch) part.fail(why)
      if (failure === 'refused') this.#failed(error, [])
      else this.#succeeded()
      return []
    }
  }

  /** One message that the broker refuses fails its whole call: the halves are tried in order. */
  async #isolate(batch: readonly PublishPart[]): Promise<readonly PublishPart[]> {
    const middle = batch.length >> 1
    const left = await this.#attempt(batch.slice(0, middle))
    const right = batch.slice(middle).filter(isUnsettled)
    if (left.length > 0 || right.length === 0) return [...left, ...right]
    return this.#attempt(right)
  }

  #failed(error: unknown, batch: readonly PublishPart[]): readonly PublishPart[] {
    this.failingBecause = messageOf(error)
    if (!this.#isFailing) this.#options.onFailing(error)
    this.#isFailing = true
    return batch
  }

  /** The broker answers, and takes messages. */
  #succeeded(): void {
    this.failingBecause = undefined
    if (!this.#isFailing) return
    this.#isFailing = false
    this.#backoff.reset()
    this.#options.onFailing(undefined)
  }

  #wait(what: 'linger' | 'delay', ms: number): void {
    if (this.#waiting === 'delay') return
    this.#cancelTimer()
    this.#waiting = what
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      this.#waiting = 'no'
      this.flush()
    })
  }
}

const isUnsettled = ({ request }: PublishPart) => !request.isSettled

/** The oldest of a lane that fit into a call; those that were settled meanwhile are dropped. */
function takeBatch(lane: Lane): readonly PublishPart[] {
  const batch: PublishPart[] = []
  let messages = 0
  let bytes = 0
  let taken = 0
  for (const part of lane.parts) {
    if (isUnsettled(part)) {
      messages += part.messages.length
      bytes += part.bytes
      if (batch.length > 0 && (messages > maxMessages || bytes > maxBytes)) break
      batch.push(part)
    }
    taken += 1
  }
  lane.parts = taken === lane.parts.length ? [] : lane.parts.slice(taken)
  return batch
}
