import type { Random } from '#demo/random.ts'
import type { PlannedIdentity } from './identities.ts'
import { refusedKey } from './increment-workload.ts'
import type { PlannedEvent } from './plan.ts'
import type { PlannedMessage, PlannedRecord } from './workload.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Around the shortest horizon, and beyond that and the window of requests together. */
const hours = [0, 0, 0, 0, 0, 1, 23, 23, 25, 60]
const leaps = [1, 11, 13, 23, 25, 50]
/** So few that the table is not taken to be at fault. */
const mostRefused = 4

/** Messages whose records count once each, published under identities of all kinds, some of them again. */
export function drawIncrements(random: Random, lengthMs: number): PlannedEvent[] {
  const messages = new IncrementMessages(random)
  const published: PlannedEvent[] = []
  const count = 1 + random.below(random.pick([4, 12, 30]))
  const again = random.pick([0.1, 0.3, 0.6])
  while (published.length < count) {
    const { message, as } = messages.next()
    const atMs = random.below(lengthMs)
    const event = { do: 'publish', message, ...(as ? { as } : {}) } as const
    published.push({ ...event, atMs })
    // Without an identity it would be another message.
    while (as && random.next() < again) {
      const other = random.below(4) === 0 ? messages.fresh() : message
      published.push({ ...event, message: other, atMs: random.below(lengthMs) })
    }
  }
  const heldUp = random.below(5) === 0 ? retryHeldUp(random, messages, lengthMs) : []
  return [...published, ...heldUp, ...time(random, lengthMs)]
}

/** A request that has counted is repeated at the end of its window, and the repetition delivered days later. */
function retryHeldUp(random: Random, messages: IncrementMessages, lengthMs: number): PlannedEvent[] {
  const message = messages.fresh()
  const publish = { do: 'publish', message, as: { request: 0 } } as const
  const againMs = random.below(lengthMs)
  return [
    // In the middle of a day.
    { do: 'time passes', ms: random.pick([1, 13]) * hourMs, atMs: 0 },
    { ...publish, atMs: random.below(againMs + 1) },
    { do: 'time passes', ms: random.pick([11, 23, 23]) * hourMs, atMs: againMs },
    { ...publish, atMs: againMs },
    { do: 'time passes', ms: random.pick([11, 25, 50, 50]) * hourMs, atMs: againMs + 1 },
  ]
}

/** Days pass, dead letters are published again. */
function time(random: Random, lengthMs: number): PlannedEvent[] {
  const events: PlannedEvent[] = []
  const atMs = () => random.below(lengthMs)
  // Midnight comes within the schedule.
  if (random.below(2) === 0) events.push({ atMs: 0, do: 'time passes', ms: dayMs - random.below(lengthMs) })
  for (let left = random.pick([0, 0, 0, 1, 2, 4]); left > 0; left--)
    events.push({ atMs: atMs(), do: 'time passes', ms: random.pick(leaps) * hourMs })
  for (let left = random.pick([0, 0, 1, 3]); left > 0; left--)
    events.push({ atMs: atMs(), do: 'redrive', isMarked: random.below(4) > 0 })
  return events
}

class IncrementMessages {
  readonly #random: Random
  readonly #mostKeys: number
  readonly #mostRecords: number
  readonly #invalids: number
  readonly #refused: number
  #number = 0
  #refusedSoFar = 0
  #identities = 0

  constructor(random: Random) {
    this.#random = random
    this.#mostKeys = 1 + random.below(refusedKey)
    this.#mostRecords = random.pick([1, 2, 5])
    this.#invalids = random.pick([0, 0, 0.05, 0.3])
    this.#refused = random.pick([0, 0, 0.1, 0.3])
  }

  next(): { readonly message: PlannedMessage; readonly as?: PlannedIdentity } {
    const message = this.fresh()
    const dice = this.#random.below(20)
    if (dice === 0) return { message, as: { bad: 'request' } }
    this.#identities += 1
    if (dice < 6) return { message, as: { request: this.#identities } }
    const ageMs = this.#random.pick(hours) * hourMs
    return dice < 13 ? { message, as: { given: this.#identities, ageMs } } : { message }
  }

  fresh(): PlannedMessage {
    return Array.from({ length: 1 + this.#random.below(this.#mostRecords) }, () => this.#record())
  }

  #record(): PlannedRecord {
    const random = this.#random
    this.#number += 1
    const isRefused = random.next() < this.#refused && this.#refusedSoFar < mostRefused
    if (isRefused) this.#refusedSoFar += 1
    const isHuge = isRefused && random.below(2) === 0
    const key = isRefused && !isHuge ? refusedKey : random.below(this.#mostKeys)
    const size = isHuge ? 2n ** 63n - BigInt(this.#number) : BigInt(this.#number)
    const record = { key, version: '0', content: String(random.below(4) === 0 ? -size : size) }
    return random.next() < this.#invalids ? { ...record, invalid: 'malformed' } : record
  }
}
