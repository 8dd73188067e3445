import type { Cell, Seen, State } from './state.ts'
import { nobody } from './state.ts'

/**
 * PostgreSQL's READ COMMITTED, for the rows of one key (its manual, "Transaction Isolation"; src/backend/executor's
 * README, "EvalPlanQual").
 *
 * What makes the difference between designs is who sees what: UPDATE, DELETE and SELECT find rows by the snapshot that
 * their statement took when it began, and go on with the newest version of those. INSERT … ON CONFLICT finds them by the unique
 * index, and meets also those that were committed since.
 *
 * A call that says `waits` has done nothing: another transaction has the row locked. Nothing that happens meanwhile needs
 * to be kept, since a statement looks at all of it again when it goes on.
 */
export type Outcome = 'written' | 'not written' | 'waits'

type Condition = (old: number) => boolean

/** A snapshot shows what is committed, and the transaction's own changes. */
export function see(seen: Seen, cell: Cell, me: number): void {
  seen.value = cell.owner === me ? cell.pending : cell.value
  seen.deleted = 0
}

/** `INSERT … ON CONFLICT (key) DO UPDATE … WHERE`. The row stays locked where its condition fails, too. */
export function upsert(cell: Cell, me: number, value: number, where: Condition): Outcome {
  if (isLockedByOther(cell, me)) return 'waits'
  const old = lock(cell, me)
  if (old !== 0 && !where(old)) return 'not written'
  write(cell, value)
  return 'written'
}

/**
 * `UPDATE … WHERE`, or `DELETE … WHERE` with 0 for the value. Where the snapshot has no row that matches, it waits for
 * nothing. Else the condition is evaluated again on the newest version of the row that was seen; if that was deleted,
 * there is none, even if a new row has its key.
 */
export function change(cell: Cell, me: number, seen: Seen, value: number, where: Condition): Outcome {
  if (seen.value === 0 || seen.deleted === 1 || !where(seen.value)) return 'not written'
  if (isLockedByOther(cell, me)) return 'waits'
  const old = lock(cell, me)
  if (old === 0 || !where(old)) return 'not written'
  write(cell, value)
  return 'written'
}

/**
 * `DELETE` of what `SELECT … WHERE … FOR UPDATE SKIP LOCKED` returns, in one statement. It never waits, so nothing comes
 * between its snapshot and its locks that matters.
 */
export function deleteUnlocked(cell: Cell, me: number, where: Condition): Outcome {
  if (cell.owner !== nobody || cell.value === 0 || !where(cell.value)) return 'not written'
  lock(cell, me)
  write(cell, 0)
  return 'written'
}

/** Locks are held to the end of the transaction. */
export function commit(state: State, me: number): void {
  commitCell(state.row, me, state.hands[0].row, state.hands[1].row)
  commitCell(state.guard, me, state.hands[0].guard, state.hands[1].guard)
}

export function rollBack({ row, guard }: State, me: number): void {
  if (row.owner === me) unlock(row)
  if (guard.owner === me) unlock(guard)
}

function isLockedByOther(cell: Cell, me: number): boolean {
  return cell.owner !== nobody && cell.owner !== me
}

function lock(cell: Cell, me: number): number {
  if (cell.owner === me) return cell.pending
  cell.owner = me
  cell.pending = cell.value
  return cell.value
}

function write(cell: Cell, value: number): void {
  cell.pending = value
  if (value === 0 && cell.value !== 0) cell.deleted = 1
}

function commitCell(cell: Cell, me: number, ...snapshots: readonly Seen[]): void {
  if (cell.owner !== me) return
  if (cell.deleted === 1) for (const seen of snapshots) if (seen.value !== 0) seen.deleted = 1
  cell.value = cell.pending
  unlock(cell)
}

function unlock(cell: Cell): void {
  cell.owner = nobody
  cell.pending = 0
  cell.deleted = 0
}
