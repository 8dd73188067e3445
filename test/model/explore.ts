import { StateTable } from './state-table.ts'

/**
 * - `progress`: happens without faults, and brings open work nearer to its end
 * - `wait`: happens where nothing fails, and changes nothing that lasts
 * - `fault`: need not happen
 */
export type StepKind = 'progress' | 'wait' | 'fault'

/** @param say describes the step; called only where a trace is printed */
export type Take<State> = (next: State, kind: StepKind, say: () => string) => void

/** States, steps from each to others, and what must be true of them. */
export interface Model<State> {
  /** Words of 32 bits that a packed state takes. */
  readonly width: number
  readonly initial: () => State
  readonly copy: (from: State, to: State) => void
  /** The same words for states that differ in nothing that matters. */
  readonly pack: (state: State, into: Uint32Array) => void
  readonly unpack: (words: Uint32Array, into: State) => void
  /** Hands every step from a state to `take`; `next` is good until `take` returns. */
  readonly steps: (state: State, take: Take<State>) => void
  /** What is wrong with a state. */
  readonly brokenBy: (state: State) => string | undefined
  /** What is wrong with a step. */
  readonly brokenByStep: (before: State, after: State, kind: StepKind) => string | undefined
  /** Nothing is open: no further step is needed. */
  readonly isSettled: (state: State) => boolean
  /** In a few words. */
  readonly show: (state: State) => string
}

export interface TraceStep {
  readonly what: string
  /** The state that follows. */
  readonly after: string
}

export interface Exploration {
  /** All states were seen: no violation, and the limit was not reached. */
  readonly complete: boolean
  readonly states: number
  readonly transitions: number
  /** Steps from the first state to the farthest. */
  readonly depth: number
  readonly seconds: number
  readonly bytes: number
  /** The first one met, which no shorter trace leads to. */
  readonly violation?: { readonly what: string; readonly trace: readonly TraceStep[] }
}

/**
 * Looks at every state that can be reached, nearest first, so that the trace to a violation is a shortest one.
 *
 * @param maxStates ends the search, unfinished
 */
export function explore<State>(model: Model<State>, maxStates = Infinity): Exploration {
  const began = performance.now()
  const table = new StateTable(model.width)
  const words = new Uint32Array(model.width)
  const state = model.initial()
  let transitions = 0
  let depth = 0
  let endOfLevel = 1
  let broken: { what: string; last: number; step?: Uint32Array } | undefined
  let index = 0
  let goesOn = false

  const take: Take<State> = (next, kind) => {
    transitions += 1
    goesOn ||= kind === 'progress'
    if (broken) return
    const wrongStep = model.brokenByStep(state, next, kind)
    model.pack(next, words)
    if (wrongStep !== undefined) broken = { what: wrongStep, last: index, step: words.slice() }
    if (!table.add(words, index) || broken) return
    const wrong = model.brokenBy(next)
    if (wrong !== undefined) broken = { what: wrong, last: table.size - 1 }
  }

  model.pack(state, words)
  table.add(words, -1)
  for (; index < table.size && !broken && table.size < maxStates; index++) {
    if (index === endOfLevel) {
      depth += 1
      endOfLevel = table.size
    }
    table.read(index, words)
    model.unpack(words, state)
    goesOn = false
    model.steps(state, take)
    if (!goesOn && !broken && !model.isSettled(state)) broken = { what: 'nothing goes on', last: index }
  }

  const found = {
    complete: !broken && index === table.size,
    states: table.size,
    transitions,
    depth,
    seconds: (performance.now() - began) / 1000,
    bytes: table.bytes,
  }
  if (!broken) return found
  const path: Uint32Array[] = table.pathTo(broken.last).map((at) => {
    const packed = new Uint32Array(model.width)
    table.read(at, packed)
    return packed
  })
  if (broken.step) path.push(broken.step)
  return { ...found, violation: { what: broken.what, trace: retold(model, path) } }
}

/**
 * Walks along packed states and says what happens. What was packed may have lost its names (which replica is A), so
 * the walk is one of real states, each a step from the one before, that pack to the given ones.
 */
function retold<State>(model: Model<State>, path: readonly Uint32Array[]): TraceStep[] {
  const words = new Uint32Array(model.width)
  const state = model.initial()
  const after = model.initial()
  return path.slice(1).map((wanted) => {
    let what: string | undefined
    model.steps(state, (next, _, say) => {
      if (what !== undefined) return
      model.pack(next, words)
      if (!words.every((word, i) => word === wanted[i])) return
      what = say()
      model.copy(next, after)
    })
    if (what === undefined) throw new Error(`no step leads on from: ${model.show(state)}`)
    model.copy(after, state)
    return { what, after: model.show(state) }
  })
}
