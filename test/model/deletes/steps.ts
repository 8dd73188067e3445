import type { StepKind, Take } from '../explore.ts'
import type { Design } from './designs.ts'
import { execute } from './execution.ts'
import type { Program } from './operations.ts'
import { commit, deleteUnlocked, rollBack } from './read-committed.ts'
import type { Story } from './scenario.ts'
import { emptyGuard, guardName, isDelete, isLate, messageName } from './scenario.ts'
import type { Hands, State } from './state.ts'
import { copyState, empty, endStatement, noState, outcomes, sweeper } from './state.ts'

const replicas = [0, 1] as const
type Replica = (typeof replicas)[number]

const nothing: Program = []

/** The steps of two replicas, of the sweep, and of time. */
export class Steps {
  readonly #story: Story
  readonly #design: Design
  readonly #next = noState()
  #take: Take<State> = () => {}

  constructor(story: Story, design: Design) {
    this.#story = story
    this.#design = design
  }

  from(state: State, take: Take<State>): void {
    this.#take = take
    for (const replica of replicas) {
      if (state.hands[replica].message === 0) this.#receive(state, replica)
      else this.#goOn(state, replica)
    }
    this.#sweep(state)
    if (this.#story.horizon === true && state.horizon === 0) {
      this.#start(state).horizon = 1
      this.#finish('fault', () => 'the horizon passes')
    }
  }

  /** What a replica does with its message. */
  #programOf({ message, isOld }: Hands): Program {
    if (message === 0) return nothing
    const { expired } = this.#design
    const programs = isOld === 1 && expired !== undefined ? expired : this.#design
    return isDelete(this.#story, message - 1) ? programs.delete : programs.insert
  }

  #start(from: State): State {
    copyState(from, this.#next)
    return this.#next
  }

  #finish(kind: StepKind, say: () => string): void {
    this.#take(this.#next, kind, say)
  }

  /** Any published message: for the first time, when its lease has ended, or once more although it is acked. */
  #receive(from: State, replica: Replica): void {
    const published = publishedIn(this.#story, from)
    const known = from.acked | heldIn(from)
    for (let message = 0; 1 << message <= published; message++) {
      const bit = 1 << message
      if ((published & bit) === 0) continue
      this.#start(from).hands[replica].message = message + 1
      const isFirst = (known & bit) === 0
      this.#finish(
        isFirst ? 'progress' : 'fault',
        () => `${nameOf(replica)} receives ${messageName(this.#story, message)}${isFirst ? '' : ' (again)'}`,
      )
    }
  }

  #goOn(from: State, replica: Replica): void {
    this.#operate(from, replica)
    const next = this.#start(from)
    rollBack(next, replica + 1)
    empty(next.hands[replica])
    this.#finish('fault', () => `${nameOf(replica)} crashes, and is started again`)
  }

  #operate(from: State, replica: Replica): void {
    const next = this.#start(from)
    const hands = next.hands[replica]
    const isFromBefore = !isLate(this.#story, hands.message - 1)
    if (hands.at === 0 && from.horizon === 1 && isFromBefore) hands.isOld = 1
    const program = this.#programOf(hands)
    const operation = program[hands.at]
    if (operation === undefined) return
    const say = execute(this.#story, next, hands, replica + 1, operation)
    if (say === undefined) return
    do hands.at += 1
    while (program[hands.at]?.ifAdmitted === true && hands.outcome !== outcomes.admitted)
    const following = program[hands.at]?.what
    if (following === undefined) empty(hands)
    else if (following === 'commit' || following === 'begin statement') endStatement(hands)
    this.#finish('progress', () => `${nameOf(replica)} ${say()}`)
  }

  /** A transaction of one statement. Whether it is begun is for the search to choose. */
  #sweep(from: State): void {
    if (from.guard.owner === sweeper) {
      commit(this.#start(from), sweeper)
      this.#finish('progress', () => 'the sweep commits')
      rollBack(this.#start(from), sweeper)
      this.#finish('fault', () => 'the sweep is rolled back')
      return
    }
    if (!this.#maySweep(from)) return
    const { guard } = this.#start(from)
    const { value } = guard
    if (deleteUnlocked(guard, sweeper, (old) => old > emptyGuard) === 'not written') return
    this.#finish('fault', () => `the sweep removes guard ${guardName(this.#story, value)}`)
  }

  #maySweep({ horizon, guard, hands }: State): boolean {
    const { sweep } = this.#design
    if (sweep === undefined) return false
    if (sweep === 'at any time') return true
    // A guard that was written after the horizon has all of its time before it.
    if (horizon === 0 || this.#story.lateGuards.has(guard.value)) return false
    return sweep === 'after the horizon' || !hands.some((each) => this.#beganBeforeHorizon(each))
  }

  #beganBeforeHorizon({ message, at, isOld }: Hands): boolean {
    return message > 0 && at > 0 && isOld === 0 && !isLate(this.#story, message - 1)
  }
}

/** As a set. */
export function publishedIn({ all, late }: Story, { horizon }: State): number {
  return horizon === 1 ? all : all & ~late
}

/** The messages that replicas hold, as a set. */
export function heldIn({ hands: [a, b] }: State): number {
  return bitOf(a) | bitOf(b)
}

function bitOf({ message }: Hands): number {
  return message === 0 ? 0 : 1 << (message - 1)
}

function nameOf(replica: Replica): string {
  return replica === 0 ? 'A' : 'B'
}
