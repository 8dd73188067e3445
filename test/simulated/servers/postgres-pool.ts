import { EventEmitter } from 'node:events'
import type { Host } from './host.ts'
import type { PostgresEndpoint } from './postgres-endpoint.ts'
import { SimulatedPostgresClient } from './postgres-client.ts'

const connectTimeoutMs = 5000

/** A caller that waits for a connection. */
interface Waiting {
  readonly take: (client: SimulatedPostgresClient) => void
  readonly fail: (error: Error) => void
}

/**
 * Stands where a process has its `ConnectionPool`. The number of connections is limited; a caller that needs one more waits until
 * one comes back.
 */
export class SimulatedPostgresPool extends EventEmitter {
  readonly host: Host
  readonly postgres: PostgresEndpoint
  readonly #most: number
  readonly #clients = new Set<SimulatedPostgresClient>()
  readonly #idle: SimulatedPostgresClient[] = []
  readonly #queue: Waiting[] = []
  #opening = 0
  #ended: (() => void) | undefined

  constructor(host: Host, postgres: PostgresEndpoint, most: number) {
    super()
    this.host = host
    this.postgres = postgres
    this.#most = most
    postgres.pools.add(this)
  }

  /** Connections that are lent out. */
  get lent(): number {
    return this.#clients.size - this.#idle.length
  }

  async connect(): Promise<SimulatedPostgresClient> {
    if (this.#ended) throw new Error('Cannot use a pool after calling end on the pool')
    const { promise, resolve, reject } = Promise.withResolvers<SimulatedPostgresClient>()
    const waiting = { take: resolve, fail: reject }
    const isFull = this.#clients.size + this.#opening >= this.#most
    if (this.#idle.length === 0 && !isFull) this.#open(waiting)
    else this.#enqueue(waiting)
    return await promise
  }

  /** Resolves when every connection has come back. */
  async end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = resolve
    this.#pulse()
    await promise
  }

  /** All connections are lost. */
  cut(): void {
    for (const client of this.#clients) client.lose()
  }

  /** The process is dead: it is told of nothing more. */
  vanish(): void {
    for (const client of this.#clients) client.vanish()
  }

  /** @throws Error where it is not lent out: it was released twice */
  reclaim(client: SimulatedPostgresClient, destroy: boolean): void {
    if (this.#idle.includes(client) || !this.#clients.has(client)) {
      throw new Error('Release called on client which has already been released to the pool.')
    }
    if (destroy || client.lost) this.#remove(client)
    else this.#idle.push(client)
    this.#pulse()
  }

  /** It broke. Where it is lent out, that is seen when it is released. */
  noticeLoss(client: SimulatedPostgresClient): void {
    const at = this.#idle.indexOf(client)
    if (at < 0) return
    this.#idle.splice(at, 1)
    this.#remove(client)
  }

  #remove(client: SimulatedPostgresClient): void {
    this.#clients.delete(client)
    client.vanish()
    if (this.host.alive) this.emit('remove', client)
  }

  #enqueue(waiting: Waiting): void {
    this.#queue.push(waiting)
    this.#pulse()
  }

  /** A connection was released, or a caller arrived: the one that has waited longest is served, where one is free. */
  #pulse(): void {
    if (this.#ended) {
      if (this.lent === 0 && this.#opening === 0) this.#ended()
      return
    }
    const [waiting] = this.#queue
    if (!waiting || (this.#idle.length === 0 && this.#clients.size + this.#opening >= this.#most)) return
    this.#queue.shift()
    const client = this.#idle.pop()
    if (client) waiting.take(client)
    else this.#open(waiting)
  }

  #open({ take, fail }: Waiting): void {
    const { wire } = this.postgres
    this.#opening += 1
    let isOver = false
    const over = (): boolean => {
      if (isOver || !this.host.alive) return false
      isOver = true
      cancel()
      this.#opening -= 1
      return true
    }
    const giveUp = (error: Error) => {
      if (!over()) return
      fail(error)
      this.#pulse()
    }
    const cancel = this.host.clock.after(connectTimeoutMs, () =>
      giveUp(new Error('Connection terminated due to connection timeout')),
    )
    wire.after(2 * wire.latencyMs(), () => {
      if (this.postgres.frozen) return
      if (this.postgres.away) {
        giveUp(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
        return
      }
      if (!over()) return
      const client = new SimulatedPostgresClient(this)
      this.#clients.add(client)
      this.emit('connect', client)
      take(client)
    })
  }
}
