import { EventEmitter } from 'node:events'
import type { Host } from './host.ts'
import { never } from './host.ts'
import type { Result, SimulatedPostgres, Statement } from './simulated-postgres.ts'
import { databaseError } from './simulated-postgres.ts'
import type { Story } from './story.ts'
import type { Wire } from './wire.ts'

/** As the ingester's own: the server's limit, and what the client waits beyond it. */
const queryTimeoutMs = 12_000
const connectTimeoutMs = 5000

/** Where the server stands: a frozen one takes requests and answers none, until it thaws. */
export class PostgresHost {
  readonly server: SimulatedPostgres
  readonly wire: Wire
  readonly story: Story
  /** Shares of statements that lose a deadlock, or run out of time. */
  conflicts = 0
  timeouts = 0
  readonly pools = new Set<SimulatedPool>()
  #away = false
  #frozen: (() => void)[] | undefined

  constructor(server: SimulatedPostgres, wire: Wire, story: Story) {
    this.server = server
    this.wire = wire
    this.story = story
  }

  get away(): boolean {
    return this.#away
  }

  get frozen(): boolean {
    return this.#frozen !== undefined
  }

  /** Ends all connections and lets none in. What it had not begun is lost. */
  leave(): void {
    this.#away = true
    this.#frozen = undefined
    this.cutAll()
  }

  cutAll(): void {
    for (const pool of this.pools) pool.cut()
  }

  comeBack(): void {
    this.#away = false
  }

  freeze(): void {
    this.#frozen ??= []
  }

  thaw(): void {
    const waiting = this.#frozen ?? []
    this.#frozen = undefined
    for (const work of waiting) work()
  }

  /** A request has come in: it is worked on, now or after a thaw, though nobody may wait for it any more. */
  receive(work: () => void): void {
    if (this.#away) return
    if (this.#frozen) this.#frozen.push(work)
    else work()
  }
}

/** Stands where a process has its `pg.Pool`. */
export class SimulatedPool extends EventEmitter {
  readonly host: Host
  readonly postgres: PostgresHost
  readonly #idle: SimulatedClient[] = []
  readonly #clients = new Set<SimulatedClient>()

  constructor(host: Host, postgres: PostgresHost) {
    super()
    this.host = host
    this.postgres = postgres
    postgres.pools.add(this)
  }

  async connect(): Promise<SimulatedClient> {
    return this.#idle.pop() ?? (await this.#open())
  }

  async query(text: string, values: readonly unknown[]): Promise<Result> {
    const client = await this.connect()
    let broke = false
    try {
      return await client.query({ text, values })
    } catch (error) {
      broke = true
      throw error
    } finally {
      client.release(broke)
    }
  }

  /** All connections are lost. */
  cut(): void {
    for (const client of this.#clients) client.lose()
  }

  /** It comes back from whoever had it, or is lost while nobody has it. */
  takeBack(client: SimulatedClient, destroy: boolean): void {
    if (!destroy && !client.lost) return void this.#idle.push(client)
    this.#clients.delete(client)
    const at = this.#idle.indexOf(client)
    if (at >= 0) this.#idle.splice(at, 1)
    if (this.host.alive) this.emit('remove', client)
  }

  isIdle(client: SimulatedClient): boolean {
    return this.#idle.includes(client)
  }

  async #open(): Promise<SimulatedClient> {
    const { wire } = this.postgres
    const { promise, resolve, reject } = Promise.withResolvers<SimulatedClient>()
    const cancel = this.host.clock.after(connectTimeoutMs, () =>
      reject(new Error('timeout exceeded when trying to connect')),
    )
    wire.after(2 * wire.latencyMs(), () => {
      if (this.postgres.frozen) return
      cancel()
      if (!this.host.alive) return
      if (this.postgres.away) {
        reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
        return
      }
      const client = new SimulatedClient(this)
      this.#clients.add(client)
      this.emit('connect', client)
      resolve(client)
    })
    return promise
  }
}

/** One connection. A query that the client has given up keeps it busy until the server has answered. */
export class SimulatedClient {
  lost = false
  readonly #pool: SimulatedPool
  #busy: Promise<unknown> = Promise.resolve()
  #abandon: (error: Error) => void = () => {}

  constructor(pool: SimulatedPool) {
    this.#pool = pool
  }

  async query(statement: Statement): Promise<Result> {
    const { host } = this.#pool
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    if (this.lost) throw new Error('Client has encountered a connection error and is not queryable')
    const cancel = host.clock.after(queryTimeoutMs, () => reject(new Error('Query read timeout')))
    this.#abandon = reject
    const answered = this.#busy.then(() => this.#send(statement))
    this.#busy = answered.catch(() => {})
    answered.then(resolve, reject)
    try {
      return await promise
    } finally {
      cancel()
      this.#abandon = () => {}
    }
  }

  release(destroy: boolean): void {
    this.#pool.takeBack(this, destroy)
  }

  /** The connection breaks. */
  lose(): void {
    this.lost = true
    this.#abandon(new Error('Connection terminated unexpectedly'))
    if (this.#pool.isIdle(this)) this.#pool.takeBack(this, true)
  }

  /** Resolves when the server has answered. */
  #send(statement: Statement): Promise<Result> {
    const { host, postgres } = this.#pool
    const { wire, story } = postgres
    const isWrite = statement.name?.startsWith('upsert_') === true
    if (isWrite) host.at('write sent')
    if (!host.alive) return never()
    const fate = wire.fate()
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const travelMs = fate === 'late' ? wire.lateMs(queryTimeoutMs) : wire.latencyMs()
    const work = (): void => {
      const outcome = this.#execute(statement)
      const executed = outcome instanceof Error ? 'write failed' : 'write executed'
      if (statement.name) host.at(isWrite ? executed : 'letters executed')
      if (fate === 'late') story.count('postgres: landed after its caller had given up')
      if (fate === 'late' || !host.alive || this.lost) return
      if (fate === 'reply lost') return this.#break()
      wire.after(wire.latencyMs(), () => {
        if (!host.alive || this.lost) return
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
        if (isWrite) host.at('write answered')
      })
    }
    if (fate === 'request lost') wire.after(travelMs, () => this.#break())
    else wire.after(travelMs, () => postgres.receive(work))
    return promise
  }

  #execute(statement: Statement): Result | Error {
    const { host, postgres } = this.#pool
    const { wire, story, server } = postgres
    try {
      if (statement.name && wire.chance(postgres.conflicts)) return databaseError('40P01')
      if (statement.name && wire.chance(postgres.timeouts)) return databaseError('57014')
      const result = server.execute(statement)
      if (statement.name)
        story.tell('postgres', () => `${host.name} ${statement.name}: ${result.rowCount} rows`)
      return result
    } catch (error) {
      return error as Error
    }
  }

  #break(): void {
    if (this.#pool.host.alive) this.lose()
  }
}
