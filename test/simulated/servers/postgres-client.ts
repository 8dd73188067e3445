import { EventEmitter } from 'node:events'
import type { Host } from './host.ts'
import { never } from './host.ts'
import type { PostgresEndpoint } from './postgres-endpoint.ts'
import type { Result, Statement } from './postgres.ts'
import { databaseError } from './postgres.ts'

/** As the ingester's own: the server's limit, and what the client waits beyond it. */
const queryTimeoutMs = 12_000

/** Whose connection it is. */
interface Lender {
  readonly host: Host
  readonly postgres: PostgresEndpoint
  reclaim(client: SimulatedPostgresClient, destroy: boolean): void
  noticeLoss(client: SimulatedPostgresClient): void
}

/** One connection. A query that the client has given up keeps it busy until the server has answered. */
export class SimulatedPostgresClient extends EventEmitter {
  lost = false
  readonly #pool: Lender
  #busy: Promise<unknown> = Promise.resolve()
  /** In a transaction that will be rolled back; the product has no others here. */
  #isInTransaction = false
  #abandon: (error: Error) => void = () => {}

  constructor(pool: Lender) {
    super()
    this.#pool = pool
  }

  async query(asked: Statement | string, values: readonly unknown[] = []): Promise<Result> {
    const statement = typeof asked === 'string' ? { text: asked, values } : asked
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
    this.#pool.reclaim(this, destroy)
  }

  /** The connection breaks. */
  lose(): void {
    this.lost = true
    this.#abandon(new Error('Connection terminated unexpectedly'))
    this.#pool.noticeLoss(this)
  }

  /** Resolves when the server has answered. */
  #send(statement: Statement): Promise<Result> {
    const { host, postgres } = this.#pool
    const { wire, story, server } = postgres
    const isWrite = statement.name?.startsWith('upsert_') === true
    if (isWrite) host.at('write sent')
    if (!host.alive) return never()
    const fate = wire.fate(() => `${statement.name ?? 'a query'} of ${host.name}`)
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const travelMs = fate === 'late' ? wire.lateMs(queryTimeoutMs) : wire.latencyMs()
    const work = (): void => {
      const waitMs = server.lockWaitMs(statement)
      if (waitMs === undefined) execute(false)
      else wire.after(waitMs, () => execute(server.lockWaitMs(statement) !== undefined))
    }
    const execute = (isLocked: boolean): void => {
      const outcome = isLocked ? this.#lockTimeout(statement) : this.#execute(statement)
      const executed = outcome instanceof Error ? 'write failed' : 'write executed'
      if (statement.name) host.at(isWrite ? executed : 'dead letters executed')
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

  #lockTimeout({ name }: Statement): Error {
    const { host, postgres } = this.#pool
    postgres.story.count('postgres: a row is locked')
    postgres.story.tell('postgres', () => `${host.name} ${name}: waited for a row in vain`)
    return databaseError('55P03')
  }

  #execute(statement: Statement): Result | Error {
    const { host, postgres } = this.#pool
    const { wire, story, server } = postgres
    try {
      if (statement.text.startsWith('BEGIN')) this.#isInTransaction = true
      if (/(ROLLBACK|COMMIT)$/.test(statement.text)) this.#isInTransaction = false
      if (statement.name && wire.chance(postgres.conflicts)) throw databaseError('40P01')
      if (statement.name && wire.chance(postgres.timeouts)) throw databaseError('57014')
      if (statement.name && wire.chance(postgres.strays)) throw server.errorOf('infrastructure')
      const result = server.execute(statement, this.#isInTransaction)
      if (statement.name)
        story.tell('postgres', () => `${host.name} ${statement.name}: ${result.rowCount} rows`)
      return result
    } catch (error) {
      story.tell('postgres', () => `${host.name} ${statement.name ?? 'a query'}: ${(error as Error).message}`)
      return error as Error
    }
  }

  #break(): void {
    if (this.#pool.host.alive) this.lose()
  }
}
