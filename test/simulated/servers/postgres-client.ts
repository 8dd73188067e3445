import { EventEmitter } from 'node:events'
import pg from 'pg'
import type { Host, Point } from './host.ts'
import { never } from './host.ts'
import type { PostgresEndpoint } from './postgres-endpoint.ts'
import { databaseError } from './postgres-errors.ts'
import type { Session } from './postgres-session.ts'
import { endsTransaction } from './postgres-session.ts'
import type { Result, Statement } from './postgres-result.ts'
import { kindOf } from './postgres-statements.ts'

/** As the ingester's own: the server's limit, and what the client waits beyond it. */
const queryTimeoutMs = 12_000
/** As `idle_in_transaction_session_timeout` of the ingester's transactions. */
const idleInTransactionMs = 60_000

/** Whose connection it is. */
interface Lender {
  readonly host: Host
  readonly postgres: PostgresEndpoint
  reclaim(client: SimulatedPostgresClient, destroy: boolean): void
  noticeLoss(client: SimulatedPostgresClient): void
}

/** Where a process may be killed on the way of a statement. */
interface Points {
  readonly sent?: Point
  readonly executed?: Point
  readonly failed?: Point
  readonly answered?: Point
}

const pointsOfWrite: Points = {
  sent: 'write sent',
  executed: 'write executed',
  failed: 'write failed',
  answered: 'write answered',
}

const pointsOf: Readonly<Record<string, Points>> = {
  upsert: pointsOfWrite,
  sum: pointsOfWrite,
  append: pointsOfWrite,
  reused: { executed: 'reuse looked up' },
  guard: { executed: 'guards locked' },
  commit: { sent: 'commit sent', executed: 'commit executed', answered: 'commit answered' },
  store: { executed: 'dead letters executed', failed: 'dead letters executed' },
}

/** One connection. A query that the client has given up keeps it busy until the server has answered. */
export class SimulatedPostgresClient extends EventEmitter {
  lost = false
  readonly #pool: Lender
  readonly #session: Session
  #busy: Promise<unknown> = Promise.resolve()
  /** Requests that have not been executed, and may be. */
  #underWay = 0
  #isGone = false
  #abandon: (error: Error) => void = () => {}

  constructor(pool: Lender) {
    super()
    this.#pool = pool
    const { wire, server } = pool.postgres
    this.#session = server.open({
      name: pool.host.name,
      after: (ms, fn) => wire.after(ms, fn),
      fault: (statement) => this.#throwFault(statement),
      terminated: () => this.#break(),
    })
  }

  async query(
    asked: (Omit<Statement, 'values'> & Partial<Statement>) | string,
    values: readonly unknown[] = [],
  ): Promise<Result> {
    const statement =
      typeof asked === 'string' ? { text: asked, values } : { ...asked, values: asked.values ?? [] }
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
    this.vanish()
  }

  /**
   * The process has closed it, or is dead. The server learns that when it has read what was sent before, and does not wait
   * for that for ever.
   */
  vanish(): void {
    if (this.#isGone) return
    this.#isGone = true
    const { wire, story } = this.#pool.postgres
    const end = () => this.#session.end()
    if (this.#session.isInTransaction) story.count('postgres: lost a connection in a transaction')
    if (!this.#session.isInTransaction) {
      if (this.#underWay === 0) end()
    } else if (this.#underWay > 0) wire.after(idleInTransactionMs, end)
    else wire.after(wire.latencyMs(), () => this.#pool.postgres.receive(end))
  }

  /** Resolves when the server has answered. */
  #send(statement: Statement): Promise<Result> {
    const { host, postgres } = this.#pool
    const { wire } = postgres
    const points = pointsOf[statement.text.endsWith('COMMIT') ? 'commit' : (kindOf(statement) ?? '')] ?? {}
    this.#at(points.sent)
    if (!host.alive) return never()
    const fate = wire.fate(() => `${nameOf(statement)} of ${host.name}`)
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const travelMs = fate === 'late' ? wire.lateMs(queryTimeoutMs) : wire.latencyMs()
    const executed = (outcome: Result | Error): void => {
      this.#underWay -= 1
      this.#tell(statement, outcome)
      this.#at(outcome instanceof Error ? points.failed : points.executed)
      if (fate === 'late') postgres.story.count('postgres: landed after its caller had given up')
      if (this.#isGone) this.#session.end()
      if (fate === 'late' || !host.alive || this.lost) return
      if (fate === 'reply lost') return this.#break()
      wire.after(wire.latencyMs(), () => {
        if (!host.alive || this.lost) return
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
        this.#at(points.answered)
      })
    }
    const lose = () => {
      this.#underWay -= 1
      this.#break()
    }
    this.#underWay += 1
    if (fate === 'request lost') wire.after(travelMs, lose)
    else wire.after(travelMs, () => postgres.receive(() => this.#session.run(statement, executed)))
    return promise
  }

  #at(point: Point | undefined): void {
    if (point !== undefined) this.#pool.host.at(point)
  }

  /** @throws pg.DatabaseError */
  #throwFault(statement: Statement): void {
    const { wire, server, conflicts, timeouts, strays } = this.#pool.postgres
    const isCommit = statement.text.endsWith('COMMIT')
    if (statement.name && wire.chance(conflicts)) throw databaseError('40P01')
    if (statement.name && wire.chance(timeouts)) throw databaseError('57014')
    if ((statement.name || isCommit) && wire.chance(strays)) throw server.errorOf('infrastructure')
  }

  #tell(statement: Statement, outcome: Result | Error): void {
    const { host, postgres } = this.#pool
    const name = nameOf(statement)
    if (outcome instanceof pg.DatabaseError && outcome.code === '55P03') {
      const what = kindOf(statement) === 'guard' ? 'guard' : 'row'
      postgres.story.count(`postgres: a ${what} is locked`)
      postgres.story.tell('postgres', () => `${host.name} ${name}: waited for a lock in vain`)
    } else if (outcome instanceof Error) {
      if (outcome instanceof pg.DatabaseError && outcome.code === '22003')
        postgres.story.count('postgres: a sum has no room')
      postgres.story.tell('postgres', () => `${host.name} ${name}: ${outcome.message}`)
    } else if (statement.name || endsTransaction(statement))
      postgres.story.tell('postgres', () => `${host.name} ${name}: ${outcome.rowCount} rows`)
  }

  #break(): void {
    if (this.#pool.host.alive) this.lose()
  }
}

function nameOf(statement: Statement): string {
  if (statement.name) return statement.name
  return endsTransaction(statement) ? (statement.text.endsWith('COMMIT') ? 'COMMIT' : 'ROLLBACK') : 'a query'
}
