import type { RowVersion } from '../../oracle/facts.ts'
import type { LockName, Locks } from './postgres-locks.ts'
import type { StoredRow } from './postgres-rows.ts'
import type { CommittedTables, Guard } from './postgres-tables.ts'
import { Changes } from './postgres-tables.ts'

/** What a commit changes, reported in the instant in which others see it. */
export interface TableObserver {
  /** A row was put in place, or a deletion was entered. */
  placed(version: RowVersion): void
  /** For a deletion that is remembered. */
  removed?(row: RowVersion): void
}

/**
 * One transaction at READ COMMITTED: each of its statements sees what is committed when it is executed, and the
 * transaction's own changes. Others see these at the commit.
 */
export class Transaction {
  /** What a statement waits for a lock, where it does not say itself. */
  lockWaitMs = Infinity
  readonly #tables: CommittedTables
  readonly #locks: Locks
  readonly #changes = new Changes()

  constructor(tables: CommittedTables, locks: Locks) {
    this.#tables = tables
    this.#locks = locks
  }

  get hasChangedRows(): boolean {
    return this.#changes.rows.size > 0
  }

  row(key: string): StoredRow | undefined {
    const { rows } = this.#changes
    return rows.has(key) ? rows.get(key) : this.#tables.rows.get(key)
  }

  guard(key: string): Guard | undefined {
    return this.#changes.guards.get(key) ?? this.#tables.guards.get(key)
  }

  /** Keys of rows that are committed. */
  get keys(): readonly string[] {
    return [...this.#tables.rows.keys()]
  }

  isFree(name: LockName): boolean {
    return this.#locks.isFree(name, this)
  }

  lock(name: LockName): void {
    this.#locks.hold(name, this)
  }

  place(row: StoredRow): void {
    this.#changes.rows.set(row.key, row)
  }

  remove(key: string): void {
    this.#changes.rows.set(key, undefined)
  }

  enter(key: string, guard: Guard): void {
    this.#changes.guards.set(key, guard)
  }

  storeDeadLetter(...[identity, deadLetter]: Parameters<Changes['deadLetters']['set']>): void {
    this.#changes.deadLetters.set(identity, deadLetter)
  }

  commit(observer: TableObserver): void {
    const { rows, guards } = this.#changes
    const removed = [...rows].flatMap(([key, row]) => (row ? [] : (this.#tables.rows.get(key) ?? [])))
    const entered = [...guards].flatMap(([key, { deletion }]) =>
      deletion && deletion !== this.#tables.guards.get(key)?.deletion ? [deletion] : [],
    )
    this.#tables.commit(this.#changes)
    for (const deletion of entered) observer.placed(deletion)
    for (const row of removed) observer.removed?.(row)
    for (const row of rows.values()) if (row) observer.placed(row)
    this.#locks.release(this)
  }

  undo(): void {
    this.#locks.release(this)
  }
}
