import { messageOf } from '#core/error-message.ts'
import type { Explain } from '#core/advice.ts'
import { advice, option, withoutFixes } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { Backoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'

export interface ConnectionSlotsOptions {
  /** How many may be lent out at once, where the server allows that many. */
  readonly size: number
  /** Connections that are open or being opened. */
  readonly connected: () => number
  /** Those of them that are open. */
  readonly open: () => number
  /** How long a server that refuses another connection is left alone. */
  readonly backoff: Backoff
  readonly clock: Clock
  readonly logger: Logger
  readonly explain?: Explain | undefined
}

/** One of those who share the pool. */
export type Sharer = symbol

interface Waiting extends PromiseWithResolvers<void> {
  /** Undefined: none of them. */
  readonly sharer: Sharer | undefined
}

/**
 * How many connections of a pool may be lent out: as many as configured, or as many as the server allows. Callers queue
 * for one without a limit: each connection is returned within the time of a statement.
 *
 * A server that refuses another connection (a role's CONNECTION LIMIT, max_connections, a pooler's max_client_conn) is not
 * an outage while it keeps those that are open. The pool shrinks to them, logs it once, and tries to grow by one from
 * time to time.
 *
 * Those who share the pool have equal parts of what there is: one whose statements all wait for a lock takes no connection
 * that is another's part.
 */
export class ConnectionSlots {
  readonly #options: ConnectionSlotsOptions
  readonly #waiting: Waiting[] = []
  /** Of each sharer, and in all. */
  readonly #lentTo = new Map<Sharer | undefined, number>()
  #lent = 0
  #sharers = 0
  #allowed: number
  #isShrunk = false
  #cancelGrowth: (() => void) | undefined
  #closed: Error | undefined

  constructor(options: ConnectionSlotsOptions) {
    this.#options = options
    this.#allowed = options.size
  }

  /** One more who shares it. */
  newSharer(): Sharer {
    this.#sharers += 1
    return Symbol('sharer')
  }

  /** Resolves when it is the caller's turn, who ends it with `free`. */
  async turn(sharer?: Sharer): Promise<void> {
    if (this.#closed) throw this.#closed
    const place = { ...Promise.withResolvers<void>(), sharer }
    this.#waiting.push(place)
    this.#serve()
    await place.promise
  }

  /** A connection was returned, or an attempt failed. */
  free(sharer?: Sharer): void {
    this.#count(sharer, -1)
    this.#serve()
  }

  /** A connection was opened: where there was no room for it before, there may be room for more. */
  opened(): void {
    const { size, open, backoff, logger } = this.#options
    if (!this.#isShrunk) return
    backoff.reset()
    if (open() >= size) {
      this.#isShrunk = false
      logger.info({ connections: size }, 'PostgreSQL accepts all connections of the pool again')
    }
    this.#grow()
  }

  /**
   * The server refused another connection.
   *
   * @returns whether there are others to use; false: there is none, which is an outage
   */
  refused(error: unknown): boolean {
    const { size, connected, clock, backoff, logger, explain = withoutFixes } = this.#options
    const others = connected()
    if (others === 0) return false
    if (!this.#isShrunk) {
      this.#isShrunk = true
      const message = 'PostgreSQL refused another connection: continuing with those that are open'
      const fixes = [advice`raise its limit to ${size}, or lower ${option('postgres.poolSize')}`]
      logger.warn({ wanted: size, error: messageOf(error) }, explain({ message, fixes }))
    }
    this.#allowed = Math.min(others, size)
    this.#cancelGrowth ??= clock.after(backoff.next(), () => {
      this.#cancelGrowth = undefined
      this.#grow()
    })
    return true
  }

  /** Rejects all waiting callers. */
  close(error: Error): void {
    this.#closed = error
    this.#cancelGrowth?.()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  /** By one, so that a server that still refuses is asked once. */
  #grow(): void {
    this.#allowed = Math.min(this.#options.connected() + 1, this.#options.size)
    this.#serve()
  }

  #serve(): void {
    // Where nothing is open one may try.
    const allowed = Math.max(1, this.#allowed)
    const part = Math.max(1, Math.floor(allowed / Math.max(1, this.#sharers)))
    const mayTake = ({ sharer }: Waiting) => sharer === undefined || (this.#lentTo.get(sharer) ?? 0) < part
    while (this.#lent < allowed) {
      const next = this.#waiting.find(mayTake)
      if (!next) return
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#count(next.sharer, 1)
      next.resolve()
    }
  }

  #count(sharer: Sharer | undefined, change: 1 | -1): void {
    this.#lent += change
    this.#lentTo.set(sharer, (this.#lentTo.get(sharer) ?? 0) + change)
  }
}
