import type pg from 'pg'
import type { PostgresTable } from '#core/pipeline.ts'
import type { RowVersion } from '../../oracle/facts.ts'
import type { Disorder } from './postgres-errors.ts'
import { databaseError, disorders } from './postgres-errors.ts'
import { Locks } from './postgres-locks.ts'
import type { StoredRow } from './postgres-rows.ts'
import { RowLayout } from './postgres-rows.ts'
import type { SessionOptions } from './postgres-session.ts'
import { Session } from './postgres-session.ts'
import type { Result, Statement } from './postgres-result.ts'
import { execute, locksOf } from './postgres-statements.ts'
import type { AppliedValues, StoredDeadLetter } from './postgres-tables.ts'
import { CommittedTables } from './postgres-tables.ts'
import type { TableObserver } from './postgres-transaction.ts'
import { Transaction } from './postgres-transaction.ts'

/**
 * The server: one table, which keeps the newest row of each key, adds up or is appended to; the guards of its keys, the
 * identities that have counted, one table for dead letters, and the epoch. A statement happens in the instant in which it is executed, after it has waited for the locks that it needs.
 */
export class SimulatedPostgres {
  epoch = 1
  disorder: Disorder | undefined
  /** What the rows refer to is gone: those that stand are accepted as they are, and nothing is placed. */
  parentsLost = false
  readonly locks = new Locks()
  readonly observer: TableObserver
  /** Those that are connected. */
  readonly #sessions = new Set<Session>()
  readonly #table: PostgresTable
  readonly #layout: RowLayout
  readonly #tables = new CommittedTables()
  readonly #unixMs: () => number
  #errors = 0

  constructor(table: PostgresTable, observer: TableObserver, unixMs: () => number) {
    this.#unixMs = unixMs
    this.#table = table
    this.#layout = new RowLayout(table)
    this.observer = observer
  }

  get rows(): ReadonlyMap<string, StoredRow> {
    return this.#tables.rows
  }

  /** Those that guards remember, by key. */
  get deletions(): ReadonlyMap<string, RowVersion> {
    return this.#tables.deletions
  }

  deletionOf(key: string): RowVersion | undefined {
    return this.#tables.guards.get(key)?.deletion
  }

  /** By subscription, message id and publish time. */
  get deadLetters(): ReadonlyMap<string, StoredDeadLetter> {
    return this.#tables.deadLetters
  }

  /** Of all records that have counted, in order. */
  get effects(): readonly AppliedValues[] {
    return this.#tables.effects
  }

  /** That have a partition of identities, in Unix ms. */
  get days(): readonly number[] {
    return [...this.#tables.days].sort((a, b) => a - b)
  }

  /** Of the messages that have dead letters. */
  get deadLetterIds(): ReadonlySet<string> {
    return new Set([...this.deadLetters.values()].map(({ messageId }) => messageId))
  }

  open(options: SessionOptions): Session {
    const session = new Session(this, options)
    this.#sessions.add(session)
    return session
  }

  ended(session: Session): void {
    this.#sessions.delete(session)
  }

  begin(): Transaction {
    return new Transaction(this.#tables, this.locks, this.#unixMs())
  }

  locksOf(statement: Statement, transaction: Transaction): ReturnType<typeof locksOf> {
    return this.disorder ? { names: [], waitMs: 0 } : locksOf(statement, transaction, this.#layout)
  }

  /** @throws pg.DatabaseError; its transaction is to be undone then */
  execute(statement: Statement, transaction: Transaction): Result {
    if (this.disorder) throw this.errorOf(this.disorder)
    const { epoch, parentsLost } = this
    const surroundings = {
      table: this.#table,
      layout: this.#layout,
      epoch,
      parentsLost,
      dice: this.#errors,
    }
    return execute(statement, transaction, surroundings)
  }

  /** Another one each time, of those that mean the same. */
  errorOf(disorder: Disorder): pg.DatabaseError {
    const codes = disorders[disorder]
    this.#errors += 1
    return databaseError(codes[this.#errors % codes.length] ?? codes[0])
  }

  /**
   * Empties the table; what was known of it is no longer true. The guards are another table, and stay. Who does it does not
   * wait for transactions that have written to the table: their sessions are ended.
   */
  truncate(): void {
    for (const session of this.#sessions) if (session.hasChangedRows) session.terminate()
    this.#tables.truncate()
    this.epoch += 1
  }

  /**
   * A standby takes over that lacks the last commits: of rows, guards and dead letters the same ones. Who is connected to
   * this server has to be cut off.
   *
   * @param below a random number below this one: how many commits the standby has
   */
  failOver(below: (count: number) => number): void {
    this.endSessions()
    this.#tables.rewind(below)
    this.epoch += 1
  }

  /** All connections are gone. */
  endSessions(): void {
    for (const session of this.#sessions) session.end()
  }
}
