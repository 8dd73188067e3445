import type { StepKind } from './explore.ts'
import type { Fate, Replica, Stage } from './stage.ts'
import { fateOf, handsOf, replicaName } from './stage.ts'
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
export function batchSteps(stage: Stage, state: State, replica: Replica): void {
  const { phase, pending, burying } = handsOf(state, replica)
  if (phase === phases.none) {
    for (let part = pending; part > 0; part = (part - 1) & pending) beginSteps(stage, replica, part)
  } else if (phase === phases.failed) {
    beginSteps(stage, replica, 0)
  } else if (phase === phases.due) {
    writeSteps(stage, state, replica)
  } else {
    settleSteps(stage, state, replica)
  }
  buryingSteps(stage, replica, burying)
}

/** @param part what is sealed; 0: the batch is there, and begins again with its token */
function beginSteps(stage: Stage, replica: Replica, part: number): void {
  const { story, design } = stage
  const start = () => {
    const next = stage.start()
    const hands = handsOf(next, replica)
    hands.pending &= ~part
    hands.batch |= part
    hands.read = design.calls.confirm ? 0 : next.watermark
    return { next, hands, record: stage.newestOf(hands.batch) }
  }
  const tell = (next: State, then: string) => {
    const { batch } = handsOf(next, replica)
    const many = batch & (batch - 1) ? ` (of ${stage.messages(batch)})` : ''
    return `${replicaName(replica)}: begin ${stage.record(stage.newestOf(batch))}${many} → ${then}`
  }
  const token = replica + 1

  // Answered.
  {
    const { next, hands, record } = start()
    const said = design.calls.begin(next, record, token, story.versions)
    if (said === 'stale' || (said === 'busy' && design.flaw === 'busy acks')) {
      hands.phase = phases.stale
      hands.read = 0
      stage.retire(next, replica)
      stage.finish('progress', () => tell(next, said))
    } else {
      hands.phase = phases.due
      const isAcked = design.flaw === 'acks before the write'
      if (isAcked) next.acked |= hands.batch
      const words = said === 'busy' ? 'busy; has waited enough' : said
      stage.finish('progress', () => tell(next, isAcked ? `${words}, acked` : words))
    }
    if (said === 'busy' && part === 0) {
      const { next, hands } = start()
      const { batch } = hands
      hands.pending |= batch
      stage.retire(next, replica)
      endBatch(hands)
      stage.finish('wait', () => `${replicaName(replica)}: begin ${stage.messages(batch)} → busy, parked`)
    }
  }

  // Not answered: the cache is bypassed, whether or not the call was, or will be, carried out.
  // Where nothing is claimed, carrying it out changes nothing.
  if (!story.cacheFails) return
  for (const fate of design.calls.release ? stage.fates : justLost) {
    const { next, hands, record } = start()
    hands.phase = phases.due
    if (!stage.send(next, operations.begin, record, token, fate)) continue
    const how = { done: 'carried out, reply lost', lost: 'lost', late: 'under way' }[fate]
    stage.finish('fault', () => tell(next, `no answer (${how}): bypass`))
  }
}

function writeSteps(stage: Stage, state: State, replica: Replica): void {
  const record = stage.newestOf(handsOf(state, replica).batch)
  const write = (how: string) => () => `${replicaName(replica)}: write ${stage.record(record)} → ${how}`
  if (stage.story.isPoison[record]) {
    refusedSteps(stage, replica, write('refused'))
  } else {
    const next = stage.start()
    stage.commit(next, record)
    handsOf(next, replica).phase = phases.committed
    stage.finish('progress', write('committed'))
  }
  if (!stage.story.databaseFails) return
  if (!stage.story.isPoison[record]) {
    failedSteps(stage, replica, write('committed, reply lost'), (next) => {
      stage.commit(next, record)
      return true
    })
    failedSteps(stage, replica, write('time-out, may yet commit'), (next) =>
      stage.delay(next, operations.write, record, 0),
    )
  }
  failedSteps(stage, replica, write('failed'), () => true)
}

/** Every failure is one, whatever PostgreSQL did: the claims are taken back, and the batch begins again. */
function failedSteps(
  stage: Stage,
  replica: Replica,
  what: () => string,
  work: (next: State) => boolean,
): void {
  for (const fate of releaseFates(stage)) {
    const next = stage.start()
    if (!work(next)) continue
    if (stage.design.flaw === 'an error is a success') {
      handsOf(next, replica).phase = phases.committed
      stage.finish('fault', () => `${what()}: taken for success`)
      return
    }
    if (!release(stage, next, replica, fate)) continue
    const hands = handsOf(next, replica)
    hands.phase = phases.failed
    if (stage.design.flaw === 'buries what fails') hands.burying |= hands.batch
    stage.finish('fault', () => `${what()}${releaseWords(stage, fate)}`)
  }
}

/** A refused row is buried if a neighbour, of which there are none here, was committed. Else it waits for one. */
function refusedSteps(stage: Stage, replica: Replica, what: () => string): void {
  const { story, design } = stage
  if (design.flaw === 'buries nothing') return failedSteps(stage, replica, what, () => true)
  for (const fate of releaseFates(stage)) {
    for (const buried of [true, false]) {
      const next = stage.start()
      const hands = handsOf(next, replica)
      const { batch } = hands
      const same = batch & (story.bringing[stage.newestOf(batch)] as number)
      if (!release(stage, next, replica, fate)) continue
      if (!buried) hands.pending |= batch
      else if (design.flaw === 'losers end with a refused winner') next.acked |= batch & ~same
      else if (design.flaw !== 'forgets losers') hands.pending |= batch & ~same
      if (buried && design.flaw === 'acks before the dead letter') next.acked |= same
      if (buried) hands.burying |= same
      stage.retire(next, replica)
      endBatch(hands)
      const kind: StepKind = buried && fate === 'done' ? 'progress' : 'fault'
      const end = buried ? 'to be dead-lettered' : 'no neighbour: waits for one'
      stage.finish(kind, () => `${what()}${releaseWords(stage, fate)}; ${end}`)
    }
  }
}

function releaseFates(stage: Stage): readonly Fate[] {
  return stage.design.calls.release ? stage.fates : arrives
}

function release(stage: Stage, next: State, replica: Replica, fate: Fate): boolean {
  return stage.send(next, operations.release, handsOf(next, replica).read, replica + 1, fate)
}

function releaseWords(stage: Stage, fate: Fate): string {
  return stage.design.calls.release ? `; release${fateOf(fate)}` : ''
}

/** Acks what was committed or stale. Of a request in several parts, any may be lost. */
function settleSteps(stage: Stage, state: State, replica: Replica): void {
  const { batch, phase } = handsOf(state, replica)
  const confirms = phase === phases.committed && stage.design.calls.confirm !== undefined
  for (const fate of confirms ? stage.fates : arrives) {
    for (let acked = batch; acked >= 0; acked = acked > 0 ? (acked - 1) & batch : -1) {
      const next = stage.start()
      const record = stage.newestOf(batch)
      if (confirms && !stage.send(next, operations.confirm, record, replica + 1, fate)) continue
      next.acked |= acked
      stage.retire(next, replica)
      endBatch(handsOf(next, replica))
      const all = acked === batch
      const part = acked
      stage.finish(all && fate === 'done' ? 'progress' : 'fault', () => {
        const confirmed = confirms ? `confirm ${stage.record(record)}${fateOf(fate)}; ` : ''
        const lost = all ? '' : `; the ack of ${stage.messages(batch & ~part)} is lost`
        return `${replicaName(replica)}: ${confirmed}ack ${stage.messages(part)}${lost}`
      })
    }
  }
}

function buryingSteps(stage: Stage, replica: Replica, burying: number): void {
  for (let bit = 1; bit <= burying; bit <<= 1) {
    if (!(burying & bit)) continue
    const letter = () => `${replicaName(replica)}: dead letter of ${stage.messages(bit)}`
    const step = (kind: StepKind, how: string, isAcked: boolean, isDone: boolean) => {
      const next = stage.start()
      next.dead |= bit
      if (isAcked) next.acked |= bit
      if (isDone) handsOf(next, replica).burying &= ~bit
      stage.finish(kind, () => `${letter()} ${how}`)
    }
    step('progress', 'stored; ack', true, true)
    step('fault', 'stored; the ack is lost', false, true)
    step('fault', 'stored, reply lost', false, false)
  }
}
