import type { Action, Operation, UpsertRule } from './operations.ts'
import type { Outcome } from './read-committed.ts'
import { change, commit, see, upsert } from './read-committed.ts'
import type { Story } from './scenario.ts'
import { emptyGuard, guardName, guardOf, isMark, messageName, recordOf, rowName } from './scenario.ts'
import type { Hands, State } from './state.ts'
import { outcomes } from './state.ts'

/**
 * Executes an operation of a replica in PostgreSQL.
 *
 * @param me the replica's number as a holder of locks
 * @returns what it does, in words; undefined: it waits for a lock, and nothing has changed
 */
export function execute(
  story: Story,
  state: State,
  hands: Hands,
  me: number,
  operation: Operation,
): (() => string) | undefined {
  if (operation.what === 'begin statement') {
    for (const cell of operation.sees) see(hands[cell], state[cell], me)
    const { sees } = operation
    const [row, guard] = [hands.row.value, hands.guard.value]
    return () => `begins a statement${snapshotText(story, sees, row, guard)}`
  }
  if (operation.what === 'commit') {
    commit(state, me)
    return () => 'commits'
  }
  if (operation.what === 'ack') return ack(story, state, hands)
  const { message } = hands
  const outcome = act(story, state, hands, me, operation)
  if (outcome === 'waits') return undefined
  const isDone = outcome === 'written'
  if (operation.what === 'look at guard' || operation.what === 'enter deletion')
    hands.outcome = isDone ? outcomes.admitted : outcomes.none
  if (operation.what === 'look for row') hands.outcome = isDone ? outcomes.admitted : outcomes.expired
  return () => actionText(story, message - 1, operation, isDone)
}

function ack(story: Story, state: State, { message, outcome }: Hands): () => string {
  const bit = 1 << (message - 1)
  const isExpired = outcome === outcomes.expired
  state.acked |= bit
  if (isExpired) state.ignored |= bit
  return () => `acks ${messageName(story, message - 1)}${isExpired ? ' (ignored: expired)' : ''}`
}

/** A look that admits counts as `written`. */
function act(story: Story, state: State, hands: Hands, me: number, action: Action): Outcome {
  const message = hands.message - 1
  const record = recordOf(story, message)
  const guard = guardOf(story, message)
  const isAlways = 'where' in action && action.where === 'always'
  switch (action.what) {
    case 'lock guard':
      return upsert(state.guard, me, emptyGuard, () => false)
    case 'enter deletion':
      return upsert(state.guard, me, guard, (old) => isAlways || old < guard)
    case 'look at guard':
      return admitted(hands.guard.value < guard + (action.admits === 'newer' ? 0 : 1))
    case 'look for row':
      return admitted(
        hands.row.value > 0 || (action.admits === 'a row or a deletion' && hands.guard.value > emptyGuard),
      )
    case 'upsert row':
      return upsert(state.row, me, record, (old) => replaces(story, action.where, record, old))
    case 'delete row':
      return change(state.row, me, hands.row, 0, (old) => isAlways || old < record)
    case 'mark row':
      return change(state.row, me, hands.row, record, (old) => old < record)
  }
}

function admitted(isAdmitted: boolean): Outcome {
  return isAdmitted ? 'written' : 'not written'
}

function replaces(story: Story, rule: UpsertRule, record: number, old: number): boolean {
  if (rule === 'always' || old < record) return true
  return rule === 'newer' && isMark(story, old) && story.versions[old] === story.versions[record]
}

function snapshotText(story: Story, sees: readonly string[], row: number, guard: number): string {
  const parts = [
    ...(sees.includes('row') ? [row === 0 ? 'no row' : `row ${rowName(story, row)}`] : []),
    ...(sees.includes('guard') ? [guard === 0 ? 'no guard' : `guard ${guardName(story, guard)}`] : []),
  ]
  return parts.length > 0 ? `, sees ${parts.join(' and ')}` : ''
}

function actionText(story: Story, message: number, { what }: Action, isDone: boolean): string {
  const row = rowName(story, recordOf(story, message))
  switch (what) {
    case 'lock guard':
      return isDone ? 'makes an empty guard' : 'locks the guard'
    case 'enter deletion':
      return isDone ? `enters ${guardName(story, guardOf(story, message))}` : 'enters nothing'
    case 'look at guard':
      return isDone ? 'goes on' : 'goes no further: stale'
    case 'look for row':
      return isDone ? 'goes on' : 'goes no further: expired'
    case 'upsert row':
      return isDone ? `writes row ${row}` : 'writes no row'
    case 'delete row':
      return isDone ? 'deletes the row' : 'deletes no row'
    case 'mark row':
      return isDone ? 'marks the row' : 'marks no row'
  }
}
