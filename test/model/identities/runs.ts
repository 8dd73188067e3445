import { explore } from '../explore.ts'
import type { Line } from '../table.ts'
import type { Design } from './designs.ts'
import { flawed, harmless, identities } from './designs.ts'
import type { Demand } from './model.ts'
import { identitiesModel } from './model.ts'
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
  readonly found: string
}

export function carryOut({ design, scenario, demand }: Run): Line {
  return {
    design: design.name,
    messages: messagesText(scenario),
    world: worldText(scenario),
    scenario,
    found: explore(identitiesModel(storyOf(scenario), design, demand)),
  }
}

const promised = (design: Design, messages: string, world: Partial<Scenario> = {}): Run => ({
  design,
  scenario: { messages: messages.split(', '), ...world },
  demand: 'promises',
})

const redrives = { redrives: true }
const days = (midnights: number) => ({ midnights })
const raised = { raised: true }
const twoDays = 'request r a+1, day 1: request r a+1'
const otherValue = 'request r a+1, day 1: request r a+2'

export const holdingRuns: readonly Run[] = [
  promised(identities, 'm a+1'),
  promised(identities, 'm a+1, n a+2'),
  promised(identities, 'm a+1 b+2'),
  promised(identities, 'm a+1 a+1'),
  promised(identities, 'm a+1, m a+1'),
  promised(identities, 'm a+1, m a+2'),
  promised(identities, 'request r a+1, request r a+2'),
  promised(identities, 'm a+1', redrives),
  promised(identities, 'm a+1', { ...redrives, ...days(1) }),
  promised(identities, 'm a+1', { ...days(3), ...raised }),
  promised(identities, 'm a+1, n a+2', days(2)),
  promised(identities, 'm a+1, day 1: m a+1', days(2)),
  promised(identities, 'm a+1 b+2', days(2)),
  promised(identities, twoDays, days(3)),
  promised(harmless.withoutMargin, 'm a+1', { ...days(3), ...raised }),
]

/** What takes seconds. */
export const longRuns: readonly Run[] = [
  promised(identities, 'm a+1, day 1: m a+2', days(3)),
  promised(identities, 'm a+1', { ...redrives, ...days(2) }),
  promised(identities, 'm a+1 b+2', redrives),
  promised(identities, 'request r a+1 b+1, request r a+1 b+2'),
  promised(identities, 'request r a+1', { ...redrives, ...days(3) }),
  promised(identities, otherValue, days(3)),
  promised(identities, twoDays, { ...days(3), ...raised }),
  promised(harmless.sweptByClock, otherValue, days(3)),
]

const loses = (
  design: Design,
  messages: string,
  steps: number,
  world?: Partial<Scenario>,
  found = 'counted twice',
): LosingRun => ({ ...promised(design, messages, world), demand: 'loss', steps, found })

export const losingRuns: readonly LosingRun[] = [
  loses(flawed.sweptAfterMaximum, twoDays, 11, days(3)),
  loses(flawed.comparedBefore, 'm a+1, m a+2', 13, {}, 'lost'),
  loses(flawed.foldedByKey, 'm a+1, n a+2', 8),
  loses(flawed.foldedByIdentity, 'm a+1, m a+2', 8, {}, 'lost'),
  loses(flawed.joinedBack, 'm a+1', 7),
  loses(flawed.identityFirst, 'm a+1', 10, {}, 'lost'),
  loses(flawed.rowFirst, 'm a+1', 7),
  loses(flawed.lookedBefore, 'm a+1', 10),
  loses(flawed.withoutIndex, 'm a+1 b+2', 10, {}, 'lost'),
  loses(flawed.withoutIndex, 'm a+1 a+1', 6, {}, 'lost'),
  loses(flawed.redrivenAsNew, 'm a+1', 11, { redrives: true }),
  loses(flawed.ownPartition, 'm a+1', 12, { redrives: true, ...days(1) }),
  loses(flawed.ownPartition, 'm a+1, day 1: m a+1', 9, days(1)),
  loses(flawed.requestDay, twoDays, 9, days(1)),
  loses(flawed.droppedEarly, 'm a+1', 9, days(3)),
  loses(flawed.floorIgnored, 'm a+1', 11, { ...days(3), raised: true }),
  loses(flawed.nothingTooOld, 'm a+1', 10, days(3)),
  loses(flawed.sweptByClock, twoDays, 13, { ...days(3), raised: true }),
  loses(flawed.sweptWithoutMargin, twoDays, 12, days(3)),
  loses(flawed.requestsNeverExpire, 'request r a+1', 12, days(3)),
  loses(flawed.requestsExpireAnew, 'request r a+1', 16, { ...days(3), redrives: true }),
  loses(flawed.duplicatesWritten, 'm a+1', 7, {}, 'written is more than was applied'),
  loses(flawed.duplicatesNotCompared, 'm a+1, m a+2', 11, {}, 'lost'),
  loses(flawed.ackedFirst, 'm a+1', 5, {}, 'lost'),
]
