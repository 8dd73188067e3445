import type { Logger } from '#core/logger.ts'
import type { AckIdCall, Observer } from '#core/observer.ts'
import type { Clock } from '#runtime/clock.ts'

/** At most one line per interval for each call: a subscription that expires many leases would fill the log. */
const quietMs = 10_000

interface Tally {
  unlogged: number
  quietUntilMs: number
}

/** Counts ack ids that the service no longer takes, and warns of them. */
export class RejectedAckIds {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #observer: Observer
  readonly #tallies: Readonly<Record<AckIdCall, Tally>> = {
    ack: { unlogged: 0, quietUntilMs: -Infinity },
    nack: { unlogged: 0, quietUntilMs: -Infinity },
    extend: { unlogged: 0, quietUntilMs: -Infinity },
  }

  constructor(clock: Clock, logger: Logger, observer: Observer) {
    this.#clock = clock
    this.#logger = logger
    this.#observer = observer
  }

  add(call: AckIdCall, count: number): void {
    this.#observer.ackIdsRejected?.(call, count)
    const tally = this.#tallies[call]
    tally.unlogged += count
    const now = this.#clock.now()
    if (now < tally.quietUntilMs) return
    this.#logger.warn(
      { count: tally.unlogged, call },
      'Pub/Sub no longer accepts some ack ids: their deadlines expired, and their messages are redelivered',
    )
    tally.unlogged = 0
    tally.quietUntilMs = now + quietMs
  }
}
