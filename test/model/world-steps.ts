import type { Replica, Stage } from './stage.ts'
import { handsOf, replicaName, replicas } from './stage.ts'
import type { Call, State } from './state.ts'
import { drop, empty, operations } from './state.ts'

/** The steps of all that surrounds a replica: broker, network, Redis, PostgreSQL, and whoever pulls the plug. */
export function worldSteps(stage: Stage, state: State): void {
  for (const replica of replicas) {
    deliverySteps(stage, state, replica)
    if (stage.story.crashes) crashStep(stage, state, replica)
  }
  lateSteps(stage, state)
  redisSteps(stage, state)
  if (stage.story.truncate && state.emptied === 0) truncateStep(stage)
}

/**
 * Whatever is published, at any time, to anybody: at first, when a lease has ended, and once more although it is
 * acked. What waits in the lane already is one record with it; the two end together.
 */
function deliverySteps(stage: Stage, state: State, replica: Replica): void {
  const held = state.hands[0].pending | state.hands[0].batch | state.hands[0].burying
  const heldByAny = held | state.hands[1].pending | state.hands[1].batch | state.hands[1].burying
  for (let bit = 1; bit <= stage.story.all; bit <<= 1) {
    if (handsOf(state, replica).pending & bit) continue
    if (state.acked & bit && !stage.story.redelivers) continue
    handsOf(stage.start(), replica).pending |= bit
    const isFirst = !((heldByAny | state.acked) & bit)
    stage.finish(
      isFirst ? 'progress' : 'fault',
      () => `${replicaName(replica)} receives ${stage.messages(bit)}${isFirst ? '' : ' (again)'}`,
    )
  }
}

/** Its memory is gone, and with it its leases; what it has sent may still arrive. */
function crashStep(stage: Stage, state: State, replica: Replica): void {
  const { pending, batch, burying } = handsOf(state, replica)
  if ((pending | batch | burying) === 0) return
  const next = stage.start()
  stage.retire(next, replica)
  empty(handsOf(next, replica))
  stage.finish('fault', () => `${replicaName(replica)} crashes, and is started again`)
}

/** What is under way arrives, once or twice. That it never does is to be drawn as its staying there. */
function lateSteps(stage: Stage, state: State): void {
  for (let i = 0; i < stage.story.late; i++) {
    const { operation, record, token } = state.late[i] as Call
    if (operation === operations.none) continue
    for (const staysToo of [false, true]) {
      const next = stage.start()
      stage.carryOut(next, operation, record, token)
      if (!staysToo) drop(next.late[i] as Call)
      stage.finish(
        staysToo ? 'fault' : 'progress',
        () => `late: ${nameOf(stage, operation, record)}${staysToo ? ', and will arrive again' : ''}`,
      )
    }
    drop(stage.start().late[i] as Call)
    stage.finish('fault', () => `lost on its way: ${nameOf(stage, operation, record)}`)
  }
}

/** Keys expire or are evicted, one or all; a copy that has stayed behind takes over. */
function redisSteps(stage: Stage, state: State): void {
  const { watermark, claimVersion } = state
  const { cacheFails, failover } = stage.story
  if (watermark > 0 && cacheFails) {
    stage.start().watermark = 0
    stage.finish('fault', () => 'Redis: the watermark expires')
  }
  if (claimVersion > 0) {
    endClaimOf(stage.start())
    stage.finish('wait', () => 'Redis: the claim expires')
  }
  if (watermark > 0 && claimVersion > 0 && cacheFails) {
    const next = stage.start()
    next.watermark = 0
    endClaimOf(next)
    stage.finish('fault', () => 'Redis: everything is lost')
  }
  if (!failover) return
  const next = stage.start()
  next.oldWatermark = watermark
  next.oldClaimVersion = claimVersion
  next.oldClaimToken = state.claimToken
  stage.finish('fault', () => 'Redis: its replica has caught up')
  const back = stage.start()
  back.watermark = state.oldWatermark
  back.claimVersion = state.oldClaimVersion
  back.claimToken = state.oldClaimToken
  stage.finish('fault', () => 'Redis: its replica takes over')
}

/**
 * TRUNCATE and a seek, with the ingesters stopped as the documentation demands. The table has another epoch then,
 * under which Redis has nothing yet, and what is under way belongs to the old one.
 */
function truncateStep(stage: Stage): void {
  const next = stage.start()
  for (const replica of replicas) {
    stage.retire(next, replica)
    empty(handsOf(next, replica))
  }
  next.emptied = 1
  next.row = 0
  next.acked = 0
  if (stage.design.flaw !== 'no epoch') {
    next.watermark = 0
    endClaimOf(next)
    next.oldWatermark = 0
    next.oldClaimVersion = 0
    next.oldClaimToken = 0
    stage.forgetCalls(next)
  }
  stage.finish('fault', () => 'the ingesters are stopped, TRUNCATE, seek: everything comes again')
}

function endClaimOf(state: State): void {
  state.claimVersion = 0
  state.claimToken = 0
}

function nameOf(stage: Stage, operation: number, record: number): string {
  const name = Object.entries(operations).find(([, code]) => code === operation)?.[0] ?? ''
  return record > 0 ? `${name} ${stage.record(record)}` : name
}
