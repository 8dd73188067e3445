import { batchSteps } from './batch-steps.ts'
import type { Design } from './designs.ts'
import type { Model, StepKind } from './explore.ts'
import { pack, packedWidth, tidy, unpack } from './packed-state.ts'
import type { Story } from './scenario.ts'
import type { Replica } from './step-builder.ts'
import { StepBuilder, replicas } from './step-builder.ts'
import type { Hands, State } from './state.ts'
import { copyState, noState, operations, phases } from './state.ts'
import { worldSteps } from './world-steps.ts'

/**
 * - `promises`: all that DESIGN §2 and §5 say, in every state
 * - `loss`: only that everything is over and a record is permanently lost, which is what users notice
 */
export type Demand = 'promises' | 'loss'

/** Two replicas, a broker, Redis and PostgreSQL around one key. */
export function protocolModel(story: Story, design: Design, demand: Demand = 'promises'): Model<State> {
  const steps = new StepBuilder(story, design)
  const isPromised = demand === 'promises'
  let toDoBefore = 0
  return {
    width: packedWidth,
    initial: noState,
    copy: copyState,
    pack(state, into) {
      tidy(state, design.isOwnOnly)
      pack(state, into)
    },
    unpack,
    steps(state, take) {
      steps.enter(state, take)
      toDoBefore = toDo(story, state)
      for (const replica of replicas) batchSteps(steps, state, replica)
      worldSteps(steps, state)
    },
    brokenBy: (state) => (isPromised ? brokenPromise(story, state) : lossIn(story, state)),
    brokenByStep: (before, after, kind) =>
      isPromised ? brokenByStep(before, after, kind, () => toDo(story, after) - toDoBefore) : undefined,
    isSettled: (state) => !isPromised || isSettled(story, state),
    show: (state) => show(steps, state),
  }
}

/** Messages for which a committed fact stands: their row or a newer one, or their dead letter. */
function justified(story: Story, state: State): number {
  return (story.upTo[state.row] as number) | state.dead
}

function brokenPromise(story: Story, state: State): string | undefined {
  if (state.acked & ~justified(story, state)) return 'acked without a committed fact'
  if (state.watermark > state.row) return 'a watermark is above its row'
  if (state.dead & ~story.poison) return 'a valid message is dead-lettered'
  if (!isSettled(story, state)) return undefined
  if (state.row !== story.result) return 'all is settled, and the table is not what it should be'
  // Poison that something newer has superseded needs no dead letter: it was stale, or coalesced.
  const superseded = story.upTo[story.result] as number
  const isMissing = (story.poison & ~superseded & ~state.dead) !== 0
  return isMissing ? 'all is settled, and a dead letter is missing' : undefined
}

function brokenByStep(before: State, after: State, kind: StepKind, more: () => number): string | undefined {
  if (after.row < before.row && after.emptied === before.emptied) return 'the version of a row fell'
  if (kind === 'progress' && more() >= 0) return 'progress brings nothing nearer'
  if (kind !== 'fault' && forgotten(before, after, 0) | forgotten(before, after, 1))
    return 'a delivery is forgotten'
  if (kind === 'wait' && more() > 0) return 'waiting makes more work'
  return undefined
}

/** What a replica has dropped unacked. The engine keeps the lease of what it holds, so it would never be redelivered. */
function forgotten(before: State, after: State, replica: Replica): number {
  return heldBy(before.hands[replica]) & ~heldBy(after.hands[replica]) & ~after.acked
}

function heldBy({ pending, deadLettering, batch }: Hands): number {
  return pending | deadLettering | batch
}

/** No replica holds anything, nothing can change the table any more, and it is not what it should be. */
function lossIn(story: Story, state: State): string | undefined {
  const isOver = state.acked === story.all && areEmpty(state) && !isWriteLate(state)
  return isOver && state.row !== story.result ? 'lost' : undefined
}

function isWriteLate(state: State): boolean {
  return state.late.some((call) => call.operation === operations.write)
}

function isSettled(story: Story, state: State): boolean {
  return state.acked === story.all && areEmpty(state) && underWay(state) === 0
}

function areEmpty({ hands: [a, b] }: State): boolean {
  return (heldBy(a) | heldBy(b)) === 0
}

function underWay({ late: [a, b, c] }: State): number {
  return Math.sign(a.operation) + Math.sign(b.operation) + Math.sign(c.operation)
}

/**
 * How far it is to the end. Each step of progress makes it less, waiting does not make it more, and wherever
 * something is open there is a step of progress: so once faults have ended, everything settles.
 */
function toDo(story: Story, state: State): number {
  const [a, b] = state.hands
  const unheld = story.all & ~(state.acked | heldBy(a) | heldBy(b))
  const { poison } = story
  // Burying a winner gives its losers a way back, so it counts for more than their way.
  const poisonLeft = count(poison & unheld) + poisonIn(a, poison) + poisonIn(b, poison)
  return 64 * poisonLeft + underWay(state) + 6 * count(unheld) + workOf(a) + workOf(b)
}

function poisonIn({ pending, batch }: Hands, poison: number): number {
  return count(poison & pending) + count(poison & batch)
}

function workOf({ pending, deadLettering, batch, phase }: Hands): number {
  const each = phase === phases.failed ? 5 : phase === phases.due ? 4 : 3
  return 5 * count(pending) + each * count(batch) + count(deadLettering)
}

function count(set: number): number {
  return (set & 1) + ((set >> 1) & 1) + ((set >> 2) & 1)
}

function show(steps: StepBuilder, state: State): string {
  const claim = state.claimVersion > 0 ? `, claim ${state.claimVersion}` : ''
  return `row ${steps.record(state.row)}, watermark ${steps.record(state.watermark)}${claim}, acked ${steps.messages(state.acked)}`
}
