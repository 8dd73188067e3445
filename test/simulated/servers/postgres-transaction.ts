import type { RowVersion } from '../../oracle/facts.ts'
import type { LockName, Locks } from './postgres-locks.ts'
import type { StoredRow } from './postgres-rows.ts'
import type { Applied, AppliedValues, CommittedTables, Guard, StoredDeadLetter } from './postgres-tables.ts'
import { Changes } from './postgres-tables.ts'

/** What a commit changes, reported in the instant in which others see it. */
export interface TableObserver {
  /** A row was put in place, or a deletion was entered. */
  placed(version: RowVersion): void
  /** For a deletion that is remembered. */
  removed?(row: RowVersion): void
  /**
   * Records have their effect now, each under an identity that was not there before.
   *
   * @param by whose transaction it was
   * @param beganMs when that began, in Unix ms
   */
  counted?(records: readonly AppliedValues[], by: string, beganMs: number): void
  deadLettered?(deadLetter: StoredDeadLetter): void
}

/**
 * One transaction at READ COMMITTED: each of its statements sees what is committed when it is executed, and the
 * transaction's own changes. Others see these at the commit.
 */
export class Transaction {
  /** What a statement waits for a lock, where it does not say itself. */
  lockWaitMs = Infinity
  /** `now()`: when it began, in Unix ms. */
  readonly nowMs: number
  readonly #tables: CommittedTables
  readonly #locks: Locks
  readonly #changes = new Changes()

  constructor(tables: CommittedTables, locks: Locks, nowMs: number) {
    this.nowMs = nowMs
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

  applied(identity: string): Applied | undefined {
    const { applied } = this.#changes
    return applied.has(identity) ? applied.get(identity) : this.#tables.applied.get(identity)
  }

  /** All that is committed. */
  get identities(): ReadonlyMap<string, Applied> {
    return this.#tables.applied
  }

  /** @param values of the record that counts by it */
  apply(identity: string, applied: Applied, values: AppliedValues): void {
    this.#changes.applied.set(identity, applied)
    this.#changes.effects.push(values)
  }

  forget(identity: string): void {
    this.#changes.applied.set(identity, undefined)
  }

  /** Those that have a partition, in Unix ms, in order. */
  get days(): readonly number[] {
    const { days } = this.#changes
    const added = [...days].flatMap(([day, isThere]) => (isThere ? [day] : []))
    const kept = [...this.#tables.days].filter((day) => !days.has(day))
    return [...kept, ...added].sort((a, b) => a - b)
  }

  attachDay(day: number): void {
    this.#changes.days.set(day, true)
  }

  dropDay(day: number): void {
    this.#changes.days.set(day, false)
    for (const [identity, { dayMs }] of this.#tables.applied) if (dayMs === day) this.forget(identity)
  }

  /** The key of a row that is appended. */
  nextKey(): string {
    this.#tables.appended += 1
    return `#${this.#tables.appended}`
  }

  commit(observer: TableObserver, by = ''): void {
    const { rows, guards, effects, deadLetters } = this.#changes
    const removed = [...rows].flatMap(([key, row]) => (row ? [] : (this.#tables.rows.get(key) ?? [])))
    const entered = [...guards].flatMap(([key, { deletion }]) =>
      deletion && deletion !== this.#tables.guards.get(key)?.deletion ? [deletion] : [],
    )
    this.#tables.commit(this.#changes)
    for (const deletion of entered) observer.placed(deletion)
    for (const row of removed) observer.removed?.(row)
    for (const row of rows.values()) if (row) observer.placed(row)
    if (effects.length > 0) observer.counted?.(effects, by, this.nowMs)
    for (const deadLetter of deadLetters.values()) observer.deadLettered?.(deadLetter)
    this.#locks.release(this)
  }

  undo(): void {
    this.#locks.release(this)
  }
}
