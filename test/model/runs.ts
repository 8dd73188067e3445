import type { Design } from './designs.ts'
import { flawed, harmless, rollback, withClaims, withoutCache, withoutClaims } from './designs.ts'
import { explore } from './explore.ts'
import type { Demand } from './protocol.ts'
import { protocolModel } from './protocol.ts'
import type { Scenario } from './scenario.ts'
import { messagesText, scenario, storyOf, worldText } from './scenario.ts'
import type { Line } from './table.ts'

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
    found: explore(protocolModel(storyOf(scenario), design, demand)),
  }
}

const promised = (design: Design, messages: string, changes: Partial<Scenario> = {}): Run => ({
  design,
  scenario: scenario(messages.split(', '), changes),
  demand: 'promises',
})

/** Few enough states for every run of the tests. */
export const quickRuns: readonly Run[] = [
  promised(withClaims, '1, 2', { late: 0 }),
  promised(withClaims, '1, 2!', { late: 0 }),
  promised(withClaims, '1!, 2', { late: 0 }),
  promised(withClaims, '1 a, 1 b!', { late: 0 }),
  promised(withClaims, '1, 1', { late: 1 }),
  promised(withClaims, '1', { late: 1, failover: true, truncate: true }),
  promised(withClaims, '1, 2', { late: 0, truncate: true }),
  promised(withoutClaims, '1, 2'),
  promised(withoutClaims, '1, 2!'),
  promised(withoutClaims, '1 a, 1 b'),
  promised(withoutClaims, '1, 2', { late: 0, failover: true }),
  promised(withoutCache, '1, 2!', { late: 2 }),
]

/** What takes minutes. */
export const longRuns: readonly Run[] = [
  promised(withClaims, '1, 2'),
  promised(withClaims, '1, 2!'),
  promised(withClaims, '1!, 2'),
  promised(withClaims, '1 a, 1 b'),
  promised(withClaims, '1, 2', { late: 0, failover: true }),
  promised(withClaims, '1, 2!', { late: 0, failover: true }),
  promised(withClaims, '1', { late: 3, failover: true, truncate: true }),
  promised(withClaims, '1, 2', { truncate: true }),
  promised(withClaims, '1, 2, 3', { late: 0 }),
  promised(withClaims, '1, 2, 3!', { late: 0, redelivers: false }),
  promised(withClaims, '1, 1, 2', { late: 0 }),
  promised(withoutClaims, '1, 2, 3', { late: 0 }),
  promised(withoutClaims, '1, 2!', { late: 2, failover: true }),
  promised(withoutClaims, '1 a, 1 b, 2!', { late: 0 }),
]

const loses = (
  design: Design,
  messages: string,
  steps: number,
  changes: Partial<Scenario>,
  demand: Demand = 'loss',
): LosingRun => ({ design, scenario: scenario(messages.split(', '), { late: 0, ...changes }), demand, steps })

const justCrashes = { cacheFails: false, databaseFails: false }
const justPoison = { ...justCrashes, crashes: false }
const justErrors = { crashes: false }

export const losingRuns: readonly LosingRun[] = [
  ...[rollback.restore, rollback.delete].flatMap((design) => [
    loses(design, '1', 6, justCrashes),
    loses(design, '1, 2!', 7, justPoison),
    loses(design, '1', 5, justErrors),
  ]),
  loses(flawed.confirmFirst, '1', 5, { ...justPoison, databaseFails: true }),
  loses(flawed.busyAcks, '1', 6, justCrashes),
  loses(flawed.busyAcks, '1, 2!', 7, justPoison),
  loses(flawed.settleFirst, '1', 3, justCrashes),
  loses(flawed.errorIsSuccess, '1', 4, { ...justPoison, databaseFails: true }),
  loses(flawed.losersEnd, '1, 2!', 5, justPoison),
  loses(flawed.ackBeforeDeadLetter, '2!', 3, justPoison, 'promises'),
  loses(flawed.versionAlone, '1 a, 1 b', 7, justPoison),
  loses(flawed.unguarded, '1, 2', 8, justPoison),
  loses(flawed.noEpoch, '1', 8, { ...justPoison, truncate: true }),
]

/** What looks dangerous, where it must show if it is. */
export const harmlessRuns: readonly Run[] = Object.values<Design>(harmless).map((design) =>
  promised(design, '1, 2!', { late: 0 }),
)

export const longHarmlessRuns: readonly Run[] = Object.values<Design>(harmless).flatMap((design) => [
  promised(design, '1, 2'),
  promised(design, '1 a, 1 b', { late: 0, failover: true }),
])
