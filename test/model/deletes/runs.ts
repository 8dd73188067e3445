import { explore } from '../explore.ts'
import type { Line } from '../table.ts'
import type { Design } from './designs.ts'
import { flawed, guards, harmless, markedRows, sweptGuards, sweptMarkedRows } from './designs.ts'
import type { Demand } from './model.ts'
import { deletesModel } from './model.ts'
import type { Scenario } from './scenario.ts'
import { messagesText, storyOf, worldText } from './scenario.ts'

/** A design in a scenario. */
export interface Run {
  readonly design: Design
  readonly scenario: Scenario
  readonly demand: Demand
}

/** A design that loses, and how many steps it takes at least. */
export interface LosingRun extends Run {
  readonly steps: number
}

export function carryOut({ design, scenario, demand }: Run): Line {
  return {
    design: design.name,
    messages: messagesText(scenario),
    world: worldText(scenario),
    scenario,
    found: explore(deletesModel(storyOf(scenario), design, demand)),
  }
}

const promised = (design: Design, messages: string, world: Partial<Scenario> = {}): Run => ({
  design,
  scenario: { messages: messages.split(', '), ...world },
  demand: 'promises',
})

const horizon = { horizon: true }

/** Older and newer ones, duplicates, equal versions, and keys that live again. */
const orders = [
  'insert 5, delete 10',
  'delete 2, delete 2',
  'insert 5 a, insert 5 b',
  'insert 5, delete 5',
  'insert 1, delete 2, insert 3',
  'delete 1, insert 2, delete 3',
  'insert 5 a, insert 5 b, delete 5',
]
const twins = ['insert 5, delete 5', 'insert 5 a, insert 5 b, delete 5']
const fourMessages = 'insert 1, delete 2, insert 3, delete 4'

export const holdingRuns: readonly Run[] = [
  ...[...orders, fourMessages].map((messages) => promised(guards, messages)),
  promised(guards, 'insert 1, delete 2, insert 4', { standing: 'insert 3' }),
  promised(guards, 'insert 1, delete 2, delete 4', { standing: 'insert 3' }),
  promised(guards, 'late insert 5, delete 10', horizon),
  ...orders.map((messages) => promised(sweptGuards, messages, horizon)),
  promised(sweptGuards, 'insert 5, delete 10, late insert 12', horizon),
  promised(sweptGuards, 'insert 5, delete 10, late insert 12, late delete 14', horizon),
  promised(sweptGuards, 'insert 1, delete 2, insert 4', { standing: 'insert 3', ...horizon }),
  promised(sweptGuards, 'insert 1, delete 2, delete 4', { standing: 'insert 3', ...horizon }),
  ...orders.map((messages) => promised(markedRows, messages)),
  ...twins.map((messages) => promised(sweptMarkedRows, messages, horizon)),
  promised(harmless.deletedAgain, 'delete 1, insert 2, delete 3', horizon),
]

/** What takes a second. */
export const longRuns: readonly Run[] = [sweptGuards, sweptMarkedRows, harmless.deletedAgain].map((design) =>
  promised(design, fourMessages, horizon),
)

const loses = (design: Design, messages: string, steps: number, world?: Partial<Scenario>): LosingRun => ({
  ...promised(design, messages, world),
  demand: 'loss',
  steps,
})

export const losingRuns: readonly LosingRun[] = [
  loses(flawed.tombstones, 'insert 5, delete 10', 13),
  loses(flawed.tombstoneFirst, 'insert 5, delete 10', 13),
  loses(flawed.lookedBefore, 'insert 5, delete 10', 16),
  loses(flawed.lookedWithLock, 'insert 5, delete 10', 15),
  loses(flawed.lockedNothing, 'insert 5, delete 10', 14),
  loses(flawed.withoutGuard, 'insert 5, delete 10', 12),
  loses(flawed.deletedWithGuard, 'insert 5, delete 10', 15),
  loses(flawed.notEntered, 'insert 5, delete 10', 16),
  loses(flawed.enteredOverNewer, 'delete 1, insert 2, delete 3', 23),
  loses(flawed.equalAdmitted, 'insert 5, delete 5', 16),
  loses(flawed.committedBetween, 'insert 5, delete 10', 18),
  loses(flawed.committedBetween, 'delete 10', 10, { standing: 'insert 5' }),
  loses(flawed.unconditional, 'insert 5 a, insert 5 b', 18),
  loses(flawed.unconditional, 'insert 5', 9, { standing: 'insert 7' }),
  loses(flawed.unconditional, 'delete 5', 7, { standing: 'insert 7' }),
  loses(flawed.ackedFirst, 'delete 10', 7, { standing: 'insert 5' }),
  loses(flawed.rowFirst, 'insert 5, delete 10', 16),
  loses(flawed.sweptTooEarly, 'insert 5, delete 10', 18),
  loses(flawed.neverExpires, 'insert 5, delete 10', 19, horizon),
  loses(flawed.withoutMargin, 'insert 5, delete 10', 19, horizon),
  loses(flawed.expiredAskedBefore, 'insert 5, delete 10', 30, horizon),
  loses(flawed.expiredOverOlder, 'delete 1, insert 2, delete 3', 28, horizon),
  loses(flawed.deletesExpire, 'insert 5, delete 10', 17, horizon),
  loses(flawed.markReplaced, 'insert 5, delete 5', 30, horizon),
  loses(sweptGuards, 'late insert 5, delete 10', 19, horizon),
]
