import { databaseError } from './postgres-errors.ts'
import type { Locks } from './postgres-locks.ts'
import type { Result, Statement } from './postgres-result.ts'
import type { locksOf } from './postgres-statements.ts'
import type { TableObserver, Transaction } from './postgres-transaction.ts'

export interface SessionOptions {
  /** Whose it is. */
  readonly name: string
  readonly after: (ms: number, fn: () => void) => void
  /** Asked before each statement is executed; throws what the server has against it. */
  readonly fault: (statement: Statement) => void
  /** The server has ended it. */
  readonly terminated: () => void
}

/** The server, as one of its sessions knows it. */
interface Server {
  readonly locks: Locks
  readonly observer: TableObserver
  begin(): Transaction
  locksOf(statement: Statement, transaction: Transaction): ReturnType<typeof locksOf>
  /** @throws pg.DatabaseError; the transaction is to be undone then */
  execute(statement: Statement, transaction: Transaction): Result
  ended(session: Session): void
}

/** Beyond every wait of a statement: the server's own timeout. */
const statementTimeoutMs = 7000

/** The server's end of one connection. A statement outside of a transaction is one by itself. */
export class Session {
  readonly #server: Server
  readonly #options: SessionOptions
  #transaction: Transaction | undefined
  /** An error has undone the transaction; it is still to be rolled back. */
  #hasFailed = false
  #wasCutOff = false

  constructor(server: Server, options: SessionOptions) {
    this.#server = server
    this.#options = options
  }

  get isInTransaction(): boolean {
    return this.#transaction !== undefined
  }

  get hasChangedRows(): boolean {
    return this.#transaction?.hasChangedRows ?? false
  }

  /**
   * A statement has arrived.
   *
   * @param done called with its outcome, when it need no longer wait for locks; never, if it belongs to a transaction that
   *   has ended with the connection
   */
  run(statement: Statement, done: (outcome: Result | Error) => void): void {
    if (this.#wasCutOff) return
    const open = this.#transaction
    if (statement.text.startsWith('BEGIN')) this.#transaction = this.#server.begin()
    const transaction = this.#transaction ?? this.#server.begin()
    const finish = (isGranted: boolean): void => {
      const outcome = isGranted ? this.#attempt(statement, transaction) : databaseError('55P03')
      if (outcome instanceof Error) this.#fail(transaction)
      else if (!this.#transaction) transaction.commit(this.#server.observer, this.#options.name)
      if (endsTransaction(statement)) this.#close(statement, outcome)
      done(outcome)
    }
    if (open === undefined && this.#transaction) return finish(true)
    const { names, waitMs } = this.#server.locksOf(statement, transaction)
    const limit = Math.min(waitMs, statementTimeoutMs)
    this.#server.locks.request(names, transaction, {
      waitMs: limit,
      after: this.#options.after,
      done: finish,
    })
  }

  /** The connection is gone: what is not committed is undone. */
  end(): void {
    this.#wasCutOff ||= this.isInTransaction
    this.#transaction?.undo()
    this.#transaction = undefined
    this.#server.ended(this)
  }

  terminate(): void {
    this.end()
    this.#options.terminated()
  }

  #attempt(statement: Statement, transaction: Transaction): Result | Error {
    try {
      if (this.#hasFailed && !endsTransaction(statement)) throw databaseError('25P02')
      this.#options.fault(statement)
      return this.#server.execute(statement, transaction)
    } catch (error) {
      return error as Error
    }
  }

  /** An error ends its transaction at once, with its locks; the client has yet to say so. */
  #fail(transaction: Transaction): void {
    transaction.undo()
    this.#hasFailed = this.isInTransaction
  }

  #close({ text }: Statement, outcome: Result | Error): void {
    const transaction = this.#transaction
    const isCommitted = text.endsWith('COMMIT') && !this.#hasFailed && !(outcome instanceof Error)
    this.#transaction = undefined
    this.#hasFailed = false
    if (isCommitted) transaction?.commit(this.#server.observer, this.#options.name)
    else transaction?.undo()
  }
}

export function endsTransaction({ text }: Statement): boolean {
  return /(ROLLBACK|COMMIT)$/.test(text)
}
