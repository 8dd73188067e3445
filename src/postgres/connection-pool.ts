import pg from 'pg'
import { messageOf } from '#core/error-message.ts'
import type { Explain } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import { exponentialBackoff, reconnectBackoff } from '#runtime/backoff.ts'
import { systemClock } from '#runtime/clock.ts'
import { ConnectGate } from '#runtime/connect-gate.ts'
import type { Sharer } from './connection-slots.ts'
import { ConnectionSlots } from './connection-slots.ts'
import { DiscreetClient } from './server-error.ts'
import { refusesAnother } from './sqlstate.ts'

export interface ConnectionPoolOptions extends pg.PoolConfig {
  readonly max: number
  readonly logger: Logger
  readonly explain?: Explain | undefined
  /** Called when a connection that had been idle did not answer. */
  readonly onSilence?: (() => void) | undefined
  /** A connection that was idle for longer is checked with a round trip before it is used. */
  readonly checkAfterIdleMs?: number | undefined
  /** How long it has for that. */
  readonly checkTimeoutMs?: number | undefined
}

const defaults = { checkAfterIdleMs: 1000, checkTimeoutMs: 2000 }
/** Each attempt to grow that fails is a line in the server's log. */
const growthBackoff = { initialMs: 1000, maxMs: 30_000 }

type Connected = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (destroy?: unknown) => void,
) => void

/** Where connections are lent, of a pool or of a part of it. */
export type Connections = Pick<pg.Pool, 'on' | 'off'> & { connect(): Promise<pg.PoolClient> }

/**
 * node-postgres's pool, which gets along with servers as they are:
 *
 * - One that is unavailable is tried by one caller at a time, with growing delays ({@link ConnectGate}).
 * - One that allows fewer connections than configured is used with those ({@link ConnectionSlots}).
 * - A connection that a firewall or a NAT has dropped in silence while it was idle looks as good as any other, and a
 *   statement on it would wait for its whole timeout. So an idle connection is checked first with a round trip, which
 *   busy connections do not need.
 */
export class ConnectionPool extends pg.Pool {
  readonly #slots: ConnectionSlots
  readonly #gate = new ConnectGate({ clock: systemClock, backoff: reconnectBackoff() })
  readonly #checkAfterIdleMs: number
  readonly #signOfLife: pg.QueryConfig & { readonly query_timeout: number }
  readonly #logger: Logger
  readonly #onSilence: (() => void) | undefined
  readonly #idleSinceMs = new WeakMap<pg.PoolClient, number>()
  readonly #lentTo = new WeakMap<pg.PoolClient, Sharer>()
  #openCount = 0
  /** What was last used before this is not to be used again. */
  #silentAtMs = -Infinity
  readonly #ending = new AbortController()

  constructor(options: ConnectionPoolOptions) {
    const { logger, explain, onSilence, checkAfterIdleMs, checkTimeoutMs, ...config } = options
    super({ ...config, Client: DiscreetClient })
    this.#logger = logger
    this.#onSilence = onSilence
    this.#checkAfterIdleMs = checkAfterIdleMs ?? defaults.checkAfterIdleMs
    this.#signOfLife = { text: 'SELECT', query_timeout: checkTimeoutMs ?? defaults.checkTimeoutMs }
    this.#slots = new ConnectionSlots({
      size: config.max,
      connected: () => this.totalCount,
      open: () => this.#openCount,
      backoff: exponentialBackoff(growthBackoff),
      clock: systemClock,
      logger,
      explain,
    })
    // Each pipeline of the process listens for its own sake.
    this.setMaxListeners(0)
    this.on('connect', () => {
      this.#openCount += 1
      this.#slots.opened()
    })
    this.on('remove', () => (this.#openCount -= 1))
    this.on('release', (_, client) => {
      this.#idleSinceMs.set(client, systemClock.now())
      const sharer = this.#lentTo.get(client)
      this.#lentTo.delete(client)
      this.#slots.free(sharer)
    })
  }

  /** One of several equal parts, as many as there are calls: to be made before any of them is used. */
  share(): Connections {
    const sharer = this.#slots.newSharer()
    return {
      connect: () => this.#lend(sharer),
      on: this.on.bind(this),
      off: this.off.bind(this),
    }
  }

  override connect(): Promise<pg.PoolClient>
  override connect(connected: Connected): void
  override connect(connected?: Connected): Promise<pg.PoolClient> | void {
    const lending = this.#lend()
    if (!connected) return lending
    lending.then(
      (client) => connected(undefined, client, (destroy) => client.release(destroy === true)),
      (error: Error) => connected(error, undefined, () => {}),
    )
  }

  override end(): Promise<void>
  override end(ended: () => void): void
  override end(ended?: () => void): Promise<void> | void {
    this.#ending.abort()
    this.#slots.close(new Error('the connections to PostgreSQL are closed'))
    return ended ? super.end(ended) : super.end()
  }

  async #lend(sharer?: Sharer): Promise<pg.PoolClient> {
    for (;;) {
      await this.#slots.turn(sharer)
      const client = await this.#take(sharer)
      if (client && sharer !== undefined) this.#lentTo.set(client, sharer)
      if (client && (await this.#isAlive(client))) return client
    }
  }

  /** Undefined where the server allows no more connections: then wait for another turn. */
  async #take(sharer: Sharer | undefined): Promise<pg.PoolClient | undefined> {
    try {
      // A caller is given an idle connection only in the next tick, until when both count.
      if (this.idleCount > this.waitingCount) return await super.connect()
      const client = await this.#gate.pass(() => this.#open(), this.#ending.signal)
      if (!client) this.#slots.free(sharer)
      return client
    } catch (error) {
      this.#slots.free(sharer)
      throw error
    }
  }

  async #open(): Promise<pg.PoolClient | undefined> {
    try {
      return await super.connect()
    } catch (error) {
      if (refusesAnother(error) && this.#slots.refused(error)) return undefined
      throw error
    }
  }

  async #isAlive(client: pg.PoolClient): Promise<boolean> {
    const sinceMs = this.#idleSinceMs.get(client)
    if (sinceMs === undefined) return true
    const nowMs = systemClock.now()
    // What was idle together has been dropped together, and to ask each would take as long again.
    if (sinceMs < this.#silentAtMs) return discard(client)
    if (nowMs - sinceMs <= this.#checkAfterIdleMs) return true
    try {
      await client.query(this.#signOfLife)
      return true
    } catch (error) {
      const isSilent = messageOf(error) === 'Query read timeout'
      if (!isSilent || sinceMs >= this.#silentAtMs) this.#reportLoss(error, nowMs - sinceMs, isSilent)
      if (isSilent) this.#silentAtMs = Math.max(this.#silentAtMs, nowMs)
      return discard(client)
    }
  }

  #reportLoss(error: unknown, idleMs: number, isSilent: boolean): void {
    const fields = { error: messageOf(error), idleSeconds: Math.round(idleMs / 1000) }
    if (!isSilent) return this.#logger.warn(fields, 'an idle PostgreSQL connection was lost')
    this.#onSilence?.()
    this.#logger.warn(
      fields,
      'an idle PostgreSQL connection did not answer; reconnecting (does a firewall or NAT drop idle connections?)',
    )
  }
}

/**
 * Destroys the socket without a Terminate message, which would keep it open until the operating system gives up where
 * nothing answers.
 */
function discard(client: pg.PoolClient): false {
  client.release(true)
  const { connection } = client as pg.PoolClient & { readonly connection: pg.Connection }
  connection.stream.destroy()
  return false
}
