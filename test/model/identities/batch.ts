import type { Design } from './designs.ts'
import type { Layout } from './layout.ts'
import type { Story } from './scenario.ts'
import type { Hands, State } from './state.ts'
import { orphan, places, removeRow } from './state.ts'

/** What PostgreSQL and a replica do with the records of a batch. */
export class Batch {
  readonly #story: Story
  readonly #design: Design
  readonly #layout: Layout

  constructor(story: Story, design: Design, layout: Layout) {
    this.#story = story
    this.#design = design
    this.#layout = layout
  }

  /** Records of one identity with other values follow in another statement. */
  mayHold(state: State, set: number): boolean {
    if (this.#design.folds !== 'equal') return true
    return this.#records(set).every((record) =>
      this.#records(set).every(
        (other) =>
          this.#layout.rowAt(state, record) !== this.#layout.rowAt(state, other) ||
          this.#isEqual(record, this.#layout.record(other).content),
      ),
    )
  }

  /** Takes a set of what waits; what is too old is sorted out. */
  seal(state: State, hands: Hands, set: number): void {
    for (const record of this.#records(set)) {
      const isTooOld = this.#layout.isTooOld(state, record)
      hands.places[record] = isTooOld ? places.tooOld : places.batch
      if (!isTooOld) hands.at = 1
    }
  }

  isAnyPartitionGone(state: State, hands: Hands): boolean {
    return this.#story.records.some(
      (_, record) => isInBatch(hands, record) && this.#layout.isPartitionGone(state, record),
    )
  }

  /** Another transaction has inserted one of its identities, and has not ended. */
  waits(state: State, hands: Hands, me: number): boolean {
    return this.#leaders(state, hands).some((record) => {
      const { owner } = this.#layout.row(state, record)
      return owner !== 0 && owner !== me
    })
  }

  insertIdentities(state: State, hands: Hands, me: number): void {
    for (const record of this.#leaders(state, hands)) {
      const row = this.#layout.row(state, record)
      if (row.content !== 0) continue
      row.content = this.#layout.record(record).content + 1
      row.owner = me
      if (this.#layout.isRequestRow(this.#layout.rowAt(state, record))) row.since = state.day
      // Where a look has decided already, what the insert returns is ignored.
      if (!this.#hasLook) hands.places[record] = places.returned
    }
  }

  /** Sees what is committed. */
  lookForIdentities(state: State, hands: Hands): void {
    for (const record of this.#leaders(state, hands))
      if (!isCommitted(this.#layout.row(state, record))) hands.places[record] = places.returned
  }

  lookForOtherValues(state: State, hands: Hands): void {
    for (const record of this.#leaders(state, hands)) {
      const row = this.#layout.row(state, record)
      const isOther = !this.#isEqual(record, row.content - 1)
      if (isCommitted(row) && isOther) hands.places[record] = places.reused
    }
  }

  /** The contents that the transaction adds, as a set. */
  effects(state: State, hands: Hands): number {
    const leaders = this.#leaders(state, hands)
    const isApplied = (record: number) =>
      this.#design.applies === 'incoming' || hands.places[record] === places.returned
    let set = 0
    for (const leader of leaders.filter(isApplied))
      for (const record of this.#design.folds === 'same key' ? this.#group(state, hands, leader) : [leader])
        set |= 1 << this.#layout.record(record).content
    return set
  }

  apply(state: State, contents: number): void {
    for (let content = 0; 1 << content <= contents; content++)
      if (contents & (1 << content))
        state.effects[content] = Math.min(3, (state.effects[content] as number) + 1)
  }

  /** The process saw the commit. */
  count(state: State, hands: Hands): void {
    if (this.#design.written === 'returned') return
    const duplicates = this.#leaders(state, hands).filter((record) => hands.places[record] === places.batch)
    state.overcounted = Math.min(3, state.overcounted + duplicates.length)
  }

  settle(state: State, hands: Hands, others: 'compared' | 'duplicates'): void {
    const leaders = this.#leaders(state, hands)
    const fates = new Map(leaders.map((leader) => [leader, this.#fateOf(state, hands, leader, others)]))
    const groups = leaders.map((leader) => [leader, this.#group(state, hands, leader)] as const)
    for (const [leader, group] of groups)
      for (const record of group) hands.places[record] = fates.get(leader) as number
    hands.at = 0
  }

  /** All of it waits again. */
  giveBack(hands: Hands): void {
    for (const record of this.#story.records.keys())
      if (isInBatch(hands, record)) hands.places[record] = places.waits
    hands.at = 0
  }

  commitRows(state: State, me: number): void {
    for (const row of state.rows) if (row.owner === me) row.owner = 0
  }

  rollBackRows(state: State, me: number): void {
    for (const row of state.rows) if (row.owner === me) removeRow(row)
  }

  orphanRows(state: State, me: number): void {
    for (const row of state.rows) if (row.owner === me) row.owner = orphan
  }

  #fateOf(state: State, hands: Hands, leader: number, others: 'compared' | 'duplicates'): number {
    if (hands.places[leader] === places.returned || others === 'duplicates') return places.done
    const row = this.#layout.row(state, leader)
    // It was removed since: whether this one was applied is not known.
    if (!isCommitted(row)) return places.waits
    return this.#isEqual(leader, row.content - 1) ? places.done : places.reused
  }

  get #hasLook(): boolean {
    return this.#design.program.some(({ what }) => what === 'look for identities')
  }

  #records(set: number): number[] {
    return [...this.#story.records.keys()].filter((record) => set & (1 << record))
  }

  /** The first of each that became one. */
  #leaders(state: State, hands: Hands): number[] {
    const all = [...this.#story.records.keys()].filter((record) => isInBatch(hands, record))
    return all.filter(
      (record, i) => !all.slice(0, i).some((earlier) => this.#isFolded(state, earlier, record)),
    )
  }

  #group(state: State, hands: Hands, leader: number): number[] {
    return [...this.#story.records.keys()].filter(
      (record) => isInBatch(hands, record) && (record === leader || this.#isFolded(state, leader, record)),
    )
  }

  #isFolded(state: State, a: number, b: number): boolean {
    if (this.#design.folds === 'same key') return this.#layout.record(a).key === this.#layout.record(b).key
    if (this.#layout.rowAt(state, a) !== this.#layout.rowAt(state, b)) return false
    return this.#design.folds === 'same identity' || this.#isEqual(a, this.#layout.record(b).content)
  }

  /** Their keys and values are. */
  #isEqual(record: number, content: number): boolean {
    const [own, other] = [
      this.#story.contents[this.#layout.record(record).content],
      this.#story.contents[content],
    ]
    return own?.key === other?.key && own?.value === other?.value
  }
}

export function isInBatch({ places: at }: Hands, record: number): boolean {
  return at[record] === places.batch || at[record] === places.returned
}

export function isCommitted({ content, owner }: { content: number; owner: number }): boolean {
  return content !== 0 && owner === 0
}
