import type { Replica, StepBuilder } from './step-builder.ts'
import { handsOf, replicaName, replicas } from './step-builder.ts'
import type { Call, State } from './state.ts'
import { drop, empty, operations } from './state.ts'

/** The steps of a replica's environment: broker, network, Redis, PostgreSQL, and crashes. */
export function worldSteps(steps: StepBuilder, state: State): void {
  for (const replica of replicas) {
    deliverySteps(steps, state, replica)
    if (steps.story.crashes) crashStep(steps, state, replica)
  }
  lateSteps(steps, state)
  redisSteps(steps, state)
  if (steps.story.truncate && state.emptied === 0) truncateStep(steps)
}

/**
 * Any published message, at any time, to any replica: first, when a lease has ended, and once more although it is
 * acked. What waits in the lane already is one record with it; the two end together.
 */
function deliverySteps(steps: StepBuilder, state: State, replica: Replica): void {
  const held = state.hands[0].pending | state.hands[0].batch | state.hands[0].deadLettering
  const heldByAny = held | state.hands[1].pending | state.hands[1].batch | state.hands[1].deadLettering
  for (let bit = 1; bit <= steps.story.all; bit <<= 1) {
    if (handsOf(state, replica).pending & bit) continue
    if (state.acked & bit && !steps.story.redelivers) continue
    handsOf(steps.start(), replica).pending |= bit
    const isFirst = !((heldByAny | state.acked) & bit)
    steps.finish(
      isFirst ? 'progress' : 'fault',
      () => `${replicaName(replica)} receives ${steps.messages(bit)}${isFirst ? '' : ' (again)'}`,
    )
  }
}

/** Its memory is gone, and with it its leases; what it has sent may still arrive. */
function crashStep(steps: StepBuilder, state: State, replica: Replica): void {
  const { pending, batch, deadLettering } = handsOf(state, replica)
  if ((pending | batch | deadLettering) === 0) return
  const next = steps.start()
  steps.retire(next, replica)
  empty(handsOf(next, replica))
  steps.finish('fault', () => `${replicaName(replica)} crashes, and is started again`)
}

/** What is under way arrives, once or twice. That it never does is to be drawn as its staying there. */
function lateSteps(steps: StepBuilder, state: State): void {
  for (let i = 0; i < steps.story.late; i++) {
    const { operation, record, token } = state.late[i] as Call
    if (operation === operations.none) continue
    for (const staysToo of [false, true]) {
      const next = steps.start()
      steps.carryOut(next, operation, record, token)
      if (!staysToo) drop(next.late[i] as Call)
      steps.finish(
        staysToo ? 'fault' : 'progress',
        () => `late: ${nameOf(steps, operation, record)}${staysToo ? ', and will arrive again' : ''}`,
      )
    }
    drop(steps.start().late[i] as Call)
    steps.finish('fault', () => `lost on its way: ${nameOf(steps, operation, record)}`)
  }
}

/** Keys expire or are evicted, one or all; a copy that has stayed behind takes over. */
function redisSteps(steps: StepBuilder, state: State): void {
  const { watermark, claimVersion } = state
  const { cacheFails, failover } = steps.story
  if (watermark > 0 && cacheFails) {
    steps.start().watermark = 0
    steps.finish('fault', () => 'Redis: the watermark expires')
  }
  if (claimVersion > 0) {
    endClaimOf(steps.start())
    steps.finish('wait', () => 'Redis: the claim expires')
  }
  if (watermark > 0 && claimVersion > 0 && cacheFails) {
    const next = steps.start()
    next.watermark = 0
    endClaimOf(next)
    steps.finish('fault', () => 'Redis: everything is lost')
  }
  if (!failover) return
  const next = steps.start()
  next.oldWatermark = watermark
  next.oldClaimVersion = claimVersion
  next.oldClaimToken = state.claimToken
  steps.finish('fault', () => 'Redis: its replica has caught up')
  const back = steps.start()
  back.watermark = state.oldWatermark
  back.claimVersion = state.oldClaimVersion
  back.claimToken = state.oldClaimToken
  steps.finish('fault', () => 'Redis: its replica takes over')
}

/**
 * TRUNCATE and a seek, with the ingesters stopped as the documentation demands. The table has another epoch then,
 * under which Redis has nothing yet, and what is under way belongs to the old one.
 */
function truncateStep(steps: StepBuilder): void {
  const next = steps.start()
  for (const replica of replicas) {
    steps.retire(next, replica)
    empty(handsOf(next, replica))
  }
  next.emptied = 1
  next.row = 0
  next.acked = 0
  if (steps.design.flaw !== 'no epoch') {
    next.watermark = 0
    endClaimOf(next)
    next.oldWatermark = 0
    next.oldClaimVersion = 0
    next.oldClaimToken = 0
    steps.forgetCalls(next)
  }
  steps.finish('fault', () => 'the ingesters are stopped, TRUNCATE, seek: everything is redelivered')
}

function endClaimOf(state: State): void {
  state.claimVersion = 0
  state.claimToken = 0
}

function nameOf(steps: StepBuilder, operation: number, record: number): string {
  const name = Object.entries(operations).find(([, code]) => code === operation)?.[0] ?? ''
  return record > 0 ? `${name} ${steps.record(record)}` : name
}
