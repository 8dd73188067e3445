import type { StepKind } from './explore.ts'
import type { Fate, Replica, StepBuilder } from './step-builder.ts'
import { fateOf, handsOf, replicaName } from './step-builder.ts'
import type { State } from './state.ts'
import { endBatch, operations, phases } from './state.ts'

const arrives: readonly Fate[] = ['done']
const justLost: readonly Fate[] = ['lost']

/**
 * The steps of a replica: what src/ingest/flush.ts, batch.ts, park.ts and dead-letter-queue.ts do with the deliveries of a key.
 *
 * A batch is any part of what waits. In the code all that waits for a key is one entry, unless some of it is parked:
 * to allow any part is to allow more, and spares a second place for what is parked.
 */
export function batchSteps(steps: StepBuilder, state: State, replica: Replica): void {
  const { phase, pending, deadLettering } = handsOf(state, replica)
  if (phase === phases.none) {
    for (let part = pending; part > 0; part = (part - 1) & pending) beginSteps(steps, replica, part)
  } else if (phase === phases.failed) {
    beginSteps(steps, replica, 0)
  } else if (phase === phases.due) {
    writeSteps(steps, state, replica)
  } else {
    settleSteps(steps, state, replica)
  }
  deadLetterSteps(steps, replica, deadLettering)
}

/** @param part what is sealed; 0: the batch is there, and begins again with its token */
function beginSteps(steps: StepBuilder, replica: Replica, part: number): void {
  const { story, design } = steps
  const start = () => {
    const next = steps.start()
    const hands = handsOf(next, replica)
    hands.pending &= ~part
    hands.batch |= part
    hands.read = design.calls.confirm ? 0 : next.watermark
    return { next, hands, record: steps.newestOf(hands.batch) }
  }
  const tell = (next: State, then: string) => {
    const { batch } = handsOf(next, replica)
    const many = batch & (batch - 1) ? ` (of ${steps.messages(batch)})` : ''
    return `${replicaName(replica)}: begin ${steps.record(steps.newestOf(batch))}${many} → ${then}`
  }
  const token = replica + 1

  // Answered.
  {
    const { next, hands, record } = start()
    const said = design.calls.begin(next, record, token, story.versions)
    if (said === 'stale' || (said === 'busy' && design.flaw === 'busy acks')) {
      hands.phase = phases.stale
      hands.read = 0
      steps.retire(next, replica)
      steps.finish('progress', () => tell(next, said))
    } else {
      hands.phase = phases.due
      const isAcked = design.flaw === 'acks before the write'
      if (isAcked) next.acked |= hands.batch
      const words = said === 'busy' ? 'busy; has waited enough' : said
      steps.finish('progress', () => tell(next, isAcked ? `${words}, acked` : words))
    }
    if (said === 'busy' && part === 0) {
      const { next, hands } = start()
      const { batch } = hands
      hands.pending |= batch
      steps.retire(next, replica)
      endBatch(hands)
      steps.finish('wait', () => `${replicaName(replica)}: begin ${steps.messages(batch)} → busy, parked`)
    }
  }

  // Not answered: the cache is bypassed, whether or not the call was, or will be, carried out.
  // Where nothing is claimed, carrying it out changes nothing.
  if (!story.cacheFails) return
  for (const fate of design.calls.release ? steps.fates : justLost) {
    const { next, hands, record } = start()
    hands.phase = phases.due
    if (!steps.send(next, operations.begin, record, token, fate)) continue
    const how = { done: 'carried out, reply lost', lost: 'lost', late: 'under way' }[fate]
    steps.finish('fault', () => tell(next, `no answer (${how}): bypass`))
  }
}

function writeSteps(steps: StepBuilder, state: State, replica: Replica): void {
  const record = steps.newestOf(handsOf(state, replica).batch)
  const write = (how: string) => () => `${replicaName(replica)}: write ${steps.record(record)} → ${how}`
  if (steps.story.isPoison[record]) {
    refusedSteps(steps, replica, write('refused'))
  } else {
    const next = steps.start()
    steps.commit(next, record)
    handsOf(next, replica).phase = phases.committed
    steps.finish('progress', write('committed'))
  }
  if (!steps.story.databaseFails) return
  if (!steps.story.isPoison[record]) {
    failedSteps(steps, replica, write('committed, reply lost'), (next) => {
      steps.commit(next, record)
      return true
    })
    failedSteps(steps, replica, write('time-out, may yet commit'), (next) =>
      steps.delay(next, operations.write, record, 0),
    )
  }
  failedSteps(steps, replica, write('failed'), () => true)
}

/** Every failure counts as one, whatever PostgreSQL did: the claims are released, and the batch begins again. */
function failedSteps(
  steps: StepBuilder,
  replica: Replica,
  what: () => string,
  work: (next: State) => boolean,
): void {
  for (const fate of releaseFates(steps)) {
    const next = steps.start()
    if (!work(next)) continue
    if (steps.design.flaw === 'an error is a success') {
      handsOf(next, replica).phase = phases.committed
      steps.finish('fault', () => `${what()}: taken for success`)
      return
    }
    if (!release(steps, next, replica, fate)) continue
    const hands = handsOf(next, replica)
    hands.phase = phases.failed
    if (steps.design.flaw === 'dead-letters what fails') hands.deadLettering |= hands.batch
    steps.finish('fault', () => `${what()}${releaseWords(steps, fate)}`)
  }
}

/** A rejected row is dead-lettered if a neighbour, of which there are none here, was committed. Else it waits for one. */
function refusedSteps(steps: StepBuilder, replica: Replica, what: () => string): void {
  const { story, design } = steps
  if (design.flaw === 'dead-letters nothing') return failedSteps(steps, replica, what, () => true)
  for (const fate of releaseFates(steps)) {
    for (const deadLettered of [true, false]) {
      const next = steps.start()
      const hands = handsOf(next, replica)
      const { batch } = hands
      const same = batch & (story.bringing[steps.newestOf(batch)] as number)
      if (!release(steps, next, replica, fate)) continue
      if (!deadLettered) hands.pending |= batch
      else if (design.flaw === 'losers end with a rejected winner') next.acked |= batch & ~same
      else if (design.flaw !== 'forgets losers') hands.pending |= batch & ~same
      if (deadLettered && design.flaw === 'acks before the dead letter') next.acked |= same
      if (deadLettered) hands.deadLettering |= same
      steps.retire(next, replica)
      endBatch(hands)
      const kind: StepKind = deadLettered && fate === 'done' ? 'progress' : 'fault'
      const end = deadLettered ? 'to be dead-lettered' : 'no neighbour: waits for one'
      steps.finish(kind, () => `${what()}${releaseWords(steps, fate)}; ${end}`)
    }
  }
}

function releaseFates(steps: StepBuilder): readonly Fate[] {
  return steps.design.calls.release ? steps.fates : arrives
}

function release(steps: StepBuilder, next: State, replica: Replica, fate: Fate): boolean {
  return steps.send(next, operations.release, handsOf(next, replica).read, replica + 1, fate)
}

function releaseWords(steps: StepBuilder, fate: Fate): string {
  return steps.design.calls.release ? `; release${fateOf(fate)}` : ''
}

/** Acks what was committed or stale. Of a request in several parts, any may be lost. */
function settleSteps(steps: StepBuilder, state: State, replica: Replica): void {
  const { batch, phase } = handsOf(state, replica)
  const confirms = phase === phases.committed && steps.design.calls.confirm !== undefined
  for (const fate of confirms ? steps.fates : arrives) {
    for (let acked = batch; acked >= 0; acked = acked > 0 ? (acked - 1) & batch : -1) {
      const next = steps.start()
      const record = steps.newestOf(batch)
      if (confirms && !steps.send(next, operations.confirm, record, replica + 1, fate)) continue
      next.acked |= acked
      steps.retire(next, replica)
      endBatch(handsOf(next, replica))
      const all = acked === batch
      const part = acked
      steps.finish(all && fate === 'done' ? 'progress' : 'fault', () => {
        const confirmed = confirms ? `confirm ${steps.record(record)}${fateOf(fate)}; ` : ''
        const lost = all ? '' : `; the ack of ${steps.messages(batch & ~part)} is lost`
        return `${replicaName(replica)}: ${confirmed}ack ${steps.messages(part)}${lost}`
      })
    }
  }
}

function deadLetterSteps(steps: StepBuilder, replica: Replica, deadLettering: number): void {
  for (let bit = 1; bit <= deadLettering; bit <<= 1) {
    if (!(deadLettering & bit)) continue
    const deadLetter = () => `${replicaName(replica)}: dead letter of ${steps.messages(bit)}`
    const step = (kind: StepKind, how: string, isAcked: boolean, isDone: boolean) => {
      const next = steps.start()
      next.dead |= bit
      if (isAcked) next.acked |= bit
      if (isDone) handsOf(next, replica).deadLettering &= ~bit
      steps.finish(kind, () => `${deadLetter()} ${how}`)
    }
    step('progress', 'stored; ack', true, true)
    step('fault', 'stored; the ack is lost', false, true)
    step('fault', 'stored, reply lost', false, false)
  }
}
