import type { Model, StepKind } from '../explore.ts'
import type { Design } from './designs.ts'
import { pack, packedWidth, unpack } from './packed-state.ts'
import type { Story } from './scenario.ts'
import { guardAt, guardName, guardOf, isDelete, isMark, messageName, recordOf, rowName } from './scenario.ts'
import type { Cell, Hands, State } from './state.ts'
import { copyState, noState, nobody, sweeper } from './state.ts'
import { heldIn, publishedIn, Steps } from './steps.ts'

/**
 * - `promises`: all of them, in every state
 * - `loss`: only that everything is over and the table is wrong, which is what users notice
 */
export type Demand = 'promises' | 'loss'

const ownerNames = ['', 'A', 'B', 'sweep'] as const

/** Two replicas and PostgreSQL around one key, of which inserts and deletes are published. */
export function deletesModel(story: Story, design: Design, demand: Demand = 'promises'): Model<State> {
  const steps = new Steps(story, design)
  const isPromised = demand === 'promises'
  let toDoBefore = 0
  return {
    width: packedWidth,
    initial: () => initialState(story),
    copy: copyState,
    pack,
    unpack,
    steps(state, take) {
      toDoBefore = toDo(story, state)
      steps.from(state, take)
    },
    brokenBy: (state) => (isPromised ? brokenPromise(story, state) : undefined) ?? lossIn(story, state),
    brokenByStep: (before, after, kind) =>
      isPromised ? brokenByStep(before, after, kind, () => toDo(story, after) - toDoBefore) : undefined,
    isSettled: (state) => !isPromised || isSettled(story, state),
    show: (state) => show(story, state),
  }
}

function initialState(story: Story): State {
  const state = noState()
  state.row.value = story.standingRecord
  return state
}

function brokenPromise(story: Story, state: State): string | undefined {
  if (isOutdated(story, state)) return 'a row is not newer than a deletion in its guard'
  for (let message = 0; 1 << message <= state.acked; message++)
    if (state.acked & (1 << message) && !isJustified(story, state, message))
      return 'acked without a committed fact'
  return undefined
}

function isOutdated(story: Story, { row, guard }: State): boolean {
  if (row.value === 0) return false
  const own = guardAt(story, row.value)
  return own < guard.value || (own === guard.value && !isMark(story, row.value))
}

/**
 * A committed fact stands for the message. Once the horizon has passed, the guard may be swept; then the table must have
 * no older row, if it is a delete, or a delete must have replaced it.
 */
function isJustified(story: Story, { row, guard, ignored, horizon }: State, message: number): boolean {
  const record = recordOf(story, message)
  const own = guardOf(story, message)
  const isIgnored = (ignored & (1 << message)) !== 0
  if (!isDelete(story, message)) {
    if (row.value >= record || guard.value >= own || isIgnored) return true
    return horizon === 1 && story.records.some((other, i) => other > record && isDelete(story, i))
  }
  if (row.value > 0 && row.value < record) return false
  return guard.value >= own || horizon === 1
}

/** Nothing is under way any more, and the table is not what the messages say. Upserts may have been ignored as expired. */
function lossIn(story: Story, state: State): string | undefined {
  if (!isSettled(story, state)) return undefined
  const published = publishedIn(story, state)
  const row = isMark(story, state.row.value) ? 0 : state.row.value
  if (story.results[published] === row) return undefined
  const ignored = state.ignored & ~story.deletes
  for (let out = ignored; out > 0; out = (out - 1) & ignored)
    if (story.results[published & ~out] === row) return undefined
  return row > 0 && story.records.some((other, i) => other > row && isDelete(story, i))
    ? 'a deleted row lives'
    : 'a row is lost'
}

function brokenByStep(before: State, after: State, kind: StepKind, more: () => number): string | undefined {
  if (fell(before.row, after.row)) return 'the version of a row fell'
  if (fell(before.guard, after.guard)) return 'the version of a guard fell'
  if (kind === 'progress' && more() >= 0) return 'progress brings nothing nearer'
  return undefined
}

/** A row may be deleted, and a guard swept. */
function fell(before: Cell, after: Cell): boolean {
  return after.value !== 0 && after.value < before.value
}

function isSettled(story: Story, state: State): boolean {
  return state.acked === publishedIn(story, state) && heldIn(state) === 0 && state.guard.owner !== sweeper
}

/**
 * At most how far it is to the end, with programs of up to 15 steps. Each step of progress makes it less, so once faults have
 * ended, everything settles.
 */
function toDo(story: Story, state: State): number {
  const unheld = publishedIn(story, state) & ~(state.acked | heldIn(state))
  const [a, b] = state.hands
  const sweeping = state.guard.owner === sweeper ? 1 : 0
  return 16 * count(unheld) + workOf(a) + workOf(b) + sweeping
}

function workOf({ message, at }: Hands): number {
  return message === 0 ? 0 : 15 - at
}

function count(set: number): number {
  return (set & 1) + ((set >> 1) & 1) + ((set >> 2) & 1) + ((set >> 3) & 1)
}

function show(story: Story, { row, guard, acked }: State): string {
  const names = story.records.flatMap((_, message) =>
    acked & (1 << message) ? [messageName(story, message)] : [],
  )
  const rowText = cellText(row, (value) => rowName(story, value))
  const guardText = cellText(guard, (value) => guardName(story, value))
  return `row ${rowText}, guard ${guardText}, acked ${names.join(' and ') || 'nothing'}`
}

/** `5 (B: none)`: 5 is committed, and B's transaction has deleted it. */
function cellText({ value, pending, owner }: Cell, nameOf: (value: number) => string): string {
  if (owner === nobody || pending === value) return nameOf(value)
  return `${nameOf(value)} (${ownerNames[owner]}: ${nameOf(pending)})`
}
