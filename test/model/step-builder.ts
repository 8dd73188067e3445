import type { Design } from './designs.ts'
import type { StepKind, Take } from './explore.ts'
import { endedTokens } from './packed-state.ts'
import type { Story } from './scenario.ts'
import { nameOf, recordName } from './scenario.ts'
import type { Call, Hands, State } from './state.ts'
import { copyState, drop, noState, operations } from './state.ts'

export const replicas = [0, 1] as const
export type Replica = (typeof replicas)[number]

/** What becomes of a call that a replica sends without waiting for, or being able to trust, an answer. */
const fates = ['done', 'lost', 'late'] as const
export type Fate = (typeof fates)[number]

const arrives: readonly Fate[] = ['done']

const fateWords: Readonly<Record<Fate, string>> = { done: '', lost: ' (lost)', late: ' (under way)' }

/** Builds steps: a copy of the current state, to be changed into the one that follows. */
export class StepBuilder {
  readonly story: Story
  readonly design: Design
  /** Of calls of the cache. */
  readonly fates: readonly Fate[]
  readonly #next = noState()
  #from = this.#next
  #take: Take<State> = () => {}

  constructor(story: Story, design: Design) {
    this.story = story
    this.design = design
    this.fates = story.cacheFails ? fates : arrives
  }

  /** From now on steps begin at this state. */
  enter(from: State, take: Take<State>): void {
    this.#from = from
    this.#take = take
  }

  /** A new copy. */
  start(): State {
    copyState(this.#from, this.#next)
    return this.#next
  }

  /** What was made of the copy is a step. */
  finish(kind: StepKind, say: () => string): void {
    this.#take(this.#next, kind, say)
  }

  /** Sends a call of the cache. False: no room for one more under way. */
  send(next: State, operation: number, record: number, token: number, fate: Fate): boolean {
    if (fate === 'late') return this.delay(next, operation, record, token)
    if (fate === 'done') this.carryOut(next, operation, record, token)
    return true
  }

  delay(next: State, operation: number, record: number, token: number): boolean {
    for (let i = 0; i < this.story.late; i++) {
      const call = next.late[i] as Call
      if (call.operation !== operations.none) continue
      call.operation = operation
      call.record = record
      call.token = token
      return true
    }
    return false
  }

  carryOut(next: State, operation: number, record: number, token: number): void {
    const { calls } = this.design
    const { versions } = this.story
    if (operation === operations.begin) calls.begin(next, record, token, versions)
    else if (operation === operations.confirm) calls.confirm?.(next, record, token, versions)
    else if (operation === operations.release) calls.release?.(next, record, token)
    else this.commit(next, record)
  }

  /** The one statement, with its guard. */
  commit(next: State, record: number): void {
    if (record > next.row || this.design.flaw === 'no guard in SQL') next.row = record
  }

  /** The token of a replica's batch is no longer in use, but may still be in Redis or under way. */
  retire(next: State, replica: Replica): void {
    const token = replica + 1
    const ended = endedTokens[replica]
    if (next.claimToken === token) next.claimToken = ended
    if (next.oldClaimToken === token) next.oldClaimToken = ended
    for (let i = 0; i < 3; i++) {
      const call = next.late[i] as Call
      if (call.token === token) call.token = ended
    }
  }

  forgetCalls(next: State): void {
    for (const call of next.late) if (call.operation !== operations.write) drop(call)
  }

  /** `1 and 2b`. */
  messages(set: number): string {
    const names = this.story.records.flatMap((_, m) => (set & (1 << m) ? [nameOf(this.story, m)] : []))
    return names.join(' and ') || 'nothing'
  }

  record(record: number): string {
    return recordName(this.story, record)
  }

  newestOf(set: number): number {
    return this.story.newest[set] as number
  }
}

export function handsOf(state: State, replica: Replica): Hands {
  return state.hands[replica]
}

export function replicaName(replica: Replica): string {
  return replica === 0 ? 'A' : 'B'
}

export function fateOf(fate: Fate): string {
  return fateWords[fate]
}
