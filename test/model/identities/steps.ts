import type { StepKind, Take } from '../explore.ts'
import { Batch, isInBatch } from './batch.ts'
import type { Design, Operation } from './designs.ts'
import type { Layout } from './layout.ts'
import type { Story } from './scenario.ts'
import { effectsText } from './scenario.ts'
import type { Hands, State } from './state.ts'
import { copyState, noState, places } from './state.ts'
import { WorldSteps } from './world-steps.ts'

const replicas = [0, 1] as const
type Replica = (typeof replicas)[number]

/** The steps of two replicas, and of the world around them. */
export class Steps {
  readonly #story: Story
  readonly #design: Design
  readonly #batch: Batch
  readonly #world: WorldSteps
  readonly #next = noState()
  #take: Take<State> = () => {}

  constructor(story: Story, design: Design, layout: Layout) {
    this.#story = story
    this.#design = design
    this.#batch = new Batch(story, design, layout)
    this.#world = new WorldSteps(story, design, layout, this.#batch)
  }

  from(state: State, take: Take<State>): void {
    this.#take = take
    for (const replica of replicas) {
      this.#receive(state, replica)
      if (state.hands[replica].at === 0) this.#seal(state, replica)
      else this.#operate(state, replica)
      this.#deadLetter(state, replica)
      this.#ack(state, replica)
      this.#crash(state, replica)
    }
    this.#world.from(state, take)
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
    const known = from.acked | heldBy(this.#story, from, 0) | heldBy(this.#story, from, 1)
    const own = heldBy(this.#story, from, replica)
    for (const [message, { name, records }] of this.#story.published.entries()) {
      if (!isPublished(this.#story, from, message) || own & (1 << message)) continue
      const isFirst = (known & (1 << message)) === 0
      const again = isFirst ? '' : ' (again)'
      const next = this.#start(from)
      for (const record of records) next.hands[replica].places[record] = places.waits
      this.#finish(isFirst ? 'progress' : 'fault', () => `${nameOf(replica)} receives ${name}${again}`)
      if (this.#story.redrives !== true || from.refused & (1 << message)) continue
      for (const record of records) next.hands[replica].places[record] = places.refused
      this.#finish('fault', () => `${nameOf(replica)} receives ${name}${again}, and refuses it`)
    }
  }

  /** A batch is any part of what waits. */
  #seal(from: State, replica: Replica): void {
    const waiting = setOf(from.hands[replica], places.waits)
    for (let set = waiting; set > 0; set = (set - 1) & waiting) {
      if (!this.#batch.mayHold(from, set)) continue
      const next = this.#start(from)
      this.#batch.seal(next, next.hands[replica], set)
      const old = setOf(next.hands[replica], places.tooOld) & set
      this.#finish('progress', () => {
        const sealed = set & ~old ? `seals ${this.#recordsText(set & ~old)}` : ''
        const sorted = old ? `finds ${this.#recordsText(old)} too old` : ''
        return `${nameOf(replica)} ${[sealed, sorted].filter(Boolean).join(', ')}`
      })
    }
  }

  #operate(from: State, replica: Replica): void {
    const operation = this.#design.program[from.hands[replica].at - 1] as Operation
    if (operation.what === 'commit') this.#commit(from, replica, operation.effects)
    else this.#goOn(from, replica, operation)
  }

  #goOn(from: State, replica: Replica, operation: Exclude<Operation, { what: 'commit' }>): void {
    const next = this.#start(from)
    const hands = next.hands[replica]
    const name = nameOf(replica)
    hands.at += 1
    switch (operation.what) {
      case 'insert identities': {
        if (this.#batch.waits(from, hands, replica + 1)) return
        if (this.#batch.isAnyPartitionGone(from, hands)) {
          this.#batch.giveBack(hands)
          this.#finish('progress', () => `${name} inserts nothing: a partition is gone`)
          return
        }
        this.#batch.insertIdentities(next, hands, replica + 1)
        this.#finish('progress', () => `${name} inserts identities, ${this.#returnedText(hands)}`)
        return
      }
      case 'look for identities':
        this.#batch.lookForIdentities(next, hands)
        this.#finish('progress', () => `${name} looks for identities, ${this.#returnedText(hands)}`)
        return
      case 'look for other values': {
        const before = setOf(hands, places.reused)
        this.#batch.lookForOtherValues(next, hands)
        const found = setOf(hands, places.reused) & ~before
        if (!this.#hasBatch(hands)) hands.at = 0
        const what = found
          ? `finds ${this.#recordsText(found)} there with another value`
          : 'finds no other values'
        this.#finish('progress', () => `${name} begins a statement, ${what}`)
        return
      }
      case 'ack': {
        const acked = this.#batchMessages(hands)
        next.acked |= acked
        this.#finish('progress', () => `${name} acks ${this.#messagesText(acked)}`)
        return
      }
      case 'settle': {
        const before = [...hands.places]
        this.#batch.settle(next, hands, operation.others)
        this.#finish('progress', () => `${name} compares: ${this.#settledText(before, hands)}`)
      }
    }
  }

  #commit(from: State, replica: Replica, hasEffects: boolean): void {
    const me = replica + 1
    const name = nameOf(replica)
    const effects = hasEffects ? this.#batch.effects(from, from.hands[replica]) : 0
    const what = hasEffects ? ` ${effectsText(this.#story, effects)}` : ' the identities'

    const commit = () => {
      const next = this.#start(from)
      this.#batch.commitRows(next, me)
      this.#batch.apply(next, effects)
      return next
    }
    const known = commit()
    const hands = known.hands[replica]
    if (hasEffects) this.#batch.count(known, hands)
    hands.at += 1
    // With all of it new there is nothing to look at, and nothing happens between.
    const following = this.#design.program[hands.at - 1]
    if (following?.what === 'settle' && setOf(hands, places.batch) === 0)
      this.#batch.settle(known, hands, following.others)
    this.#finish('progress', () => `${name} commits${what}`)

    const unknown = commit()
    this.#batch.giveBack(unknown.hands[replica])
    this.#finish('fault', () => `${name} commits${what}, and the answer is lost`)

    const failed = this.#start(from)
    this.#batch.rollBackRows(failed, me)
    this.#batch.giveBack(failed.hands[replica])
    this.#finish('fault', () => `${name} fails to commit`)

    if (from.orphan !== 0) return
    const late = this.#start(from)
    this.#batch.orphanRows(late, me)
    this.#batch.giveBack(late.hands[replica])
    late.orphan = effects + 1
    this.#finish('fault', () => `${name} gives up on its commit, which goes on`)
  }

  /** A message of which no record is under way, and at least one cannot be counted. */
  #deadLetter(from: State, replica: Replica): void {
    for (const [message, { name, records }] of this.#story.published.entries()) {
      const at = records.map((record) => from.hands[replica].places[record] as number)
      if (!at.every((place) => place >= places.done) || at.every((place) => place === places.done)) continue
      const next = this.#start(from)
      const bit = 1 << message
      if (at.includes(places.tooOld)) next.tooOld |= bit
      if (at.includes(places.reused)) next.reused |= bit
      if (at.includes(places.refused)) next.refused |= bit
      for (const record of records) next.hands[replica].places[record] = places.done
      const reasons = [
        at.includes(places.tooOld) && 'too-old',
        at.includes(places.reused) && 'identity-reused',
        at.includes(places.refused) && 'refused',
      ].filter(Boolean)
      this.#finish(
        'progress',
        () => `${nameOf(replica)} stores the dead letter of ${name}: ${reasons.join(', ')}`,
      )
    }
  }

  #ack(from: State, replica: Replica): void {
    for (const [message, { name, records }] of this.#story.published.entries()) {
      const { places: at } = from.hands[replica]
      if (!records.every((record) => at[record] === places.done)) continue
      const next = this.#start(from)
      next.acked |= 1 << message
      for (const record of records) next.hands[replica].places[record] = places.none
      this.#finish('progress', () => `${nameOf(replica)} acks ${name}`)
    }
  }

  #crash(from: State, replica: Replica): void {
    if (heldBy(this.#story, from, replica) === 0) return
    const next = this.#start(from)
    this.#batch.rollBackRows(next, replica + 1)
    next.hands[replica].at = 0
    next.hands[replica].places.fill(places.none)
    this.#finish('fault', () => `${nameOf(replica)} crashes, and is started again`)
  }

  #hasBatch(hands: Hands): boolean {
    return setOf(hands, places.batch) !== 0
  }

  #batchMessages(hands: Hands): number {
    let set = 0
    for (const [message, { records }] of this.#story.published.entries())
      if (records.every((record) => isInBatch(hands, record))) set |= 1 << message
    return set
  }

  #recordsText(set: number): string {
    return this.#story.records
      .flatMap((_, record) => (set & (1 << record) ? [recordName(this.#story, record)] : []))
      .join(' and ')
  }

  #messagesText(set: number): string {
    return (
      this.#story.published.flatMap(({ name }, i) => (set & (1 << i) ? [name] : [])).join(' and ') ||
      'nothing'
    )
  }

  #returnedText(hands: Hands): string {
    return `new: ${this.#recordsText(setOf(hands, places.returned)) || 'none'}`
  }

  #settledText(before: readonly number[], hands: Hands): string {
    return before
      .flatMap((place, record) => {
        if (place !== places.batch) return []
        const now = hands.places[record]
        const fate = now === places.done ? 'duplicate' : now === places.reused ? 'other value' : 'gone, again'
        return [`${recordName(this.#story, record)} ${fate}`]
      })
      .join(', ')
  }
}

export function isPublished({ published }: Story, { day, redriven }: State, message: number): boolean {
  const { original, day: publishedOn } = published[message] as Story['published'][number]
  return original === undefined ? publishedOn <= day : (redriven & (1 << original)) !== 0
}

/** The messages of which a replica has records, as a set. */
export function heldBy({ records }: Story, { hands }: State, replica: Replica): number {
  let set = 0
  for (const [record, { message }] of records.entries())
    if (hands[replica].places[record] !== places.none) set |= 1 << message
  return set
}

function setOf({ places: at }: Hands, place: number): number {
  let set = 0
  for (let record = 0; record < at.length; record++) if (at[record] === place) set |= 1 << record
  return set
}

/** `m a+1`, or of a message of several records its index, too. */
function recordName({ published, records }: Story, record: number): string {
  const { message, index } = records[record] as Story['records'][number]
  const { name, records: all } = published[message] as Story['published'][number]
  return all.length > 1 ? `${name} [${index}]` : name
}

function nameOf(replica: Replica): string {
  return replica === 0 ? 'A' : 'B'
}
