import type { Clock } from '#runtime/clock.ts'
import type { PromiseName } from '../../oracle/promises.ts'

/** What a schedule is held to beside the oracle's promises. */
type Rule =
  /** What a call of the cache's script may do. */
  | 'protocol'
  /** No replica loses a lease of what it holds while the broker is reachable. */
  | 'leases'
  /** What is settled is settled once, and nacked only by a forced shutdown. */
  | 'settlements'
  /** After the last fault every replica takes messages, and knows the epoch. */
  | 'recovery'
  /** A stop ends, in time, and leaves nothing. */
  | 'stopping'
  /** No error is unhandled. */
  | 'errors'

/** What happened, in order, for people; and how often each kind of thing did, for the report. */
export class Story {
  readonly lines: string[] = []
  readonly counts = new Map<string, number>()
  /** What must never happen: the promise, a colon, and what was seen. */
  readonly breaches: string[] = []
  /** From the last fault to the last ack. */
  settledAfterMs = 0
  readonly #clock: Clock
  readonly #telling: boolean

  constructor(clock: Clock, telling: boolean) {
    this.#clock = clock
    this.#telling = telling
  }

  /** @param what is asked only where the story is being told: a thousand schedules are not */
  tell(who: string, what: () => string): void {
    if (!this.#telling) return
    const seconds = (this.#clock.now() / 1000).toFixed(4).padStart(9)
    this.lines.push(`${seconds}  ${who.padEnd(9)} ${what()}`)
  }

  count(kind: string, times = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + times)
  }

  breach(promise: PromiseName | Rule, seen: string): void {
    const breach = `${promise}: ${seen}`
    if (this.breaches.length < 20) this.breaches.push(breach)
    this.tell('BREACH', () => breach)
  }
}
