import type { StepKind, Take } from '../explore.ts'
import type { Batch } from './batch.ts'
import { isInBatch } from './batch.ts'
import type { Design } from './designs.ts'
import type { Layout } from './layout.ts'
import type { Story } from './scenario.ts'
import { effectsText, horizon, window } from './scenario.ts'
import type { State } from './state.ts'
import { copyState, noState, orphan, removeRow } from './state.ts'

/** The steps of a transaction that was given up on, of the operator, and of time. */
export class WorldSteps {
  readonly #story: Story
  readonly #design: Design
  readonly #layout: Layout
  readonly #batch: Batch
  readonly #next = noState()
  #take: Take<State> = () => {}

  constructor(story: Story, design: Design, layout: Layout, batch: Batch) {
    this.#story = story
    this.#design = design
    this.#layout = layout
    this.#batch = batch
  }

  from(state: State, take: Take<State>): void {
    this.#take = take
    this.#orphan(state)
    this.#time(state)
    this.#redrive(state)
  }

  #start(from: State): State {
    copyState(from, this.#next)
    return this.#next
  }

  #finish(kind: StepKind, say: () => string): void {
    this.#take(this.#next, kind, say)
  }

  #orphan(from: State): void {
    if (from.orphan === 0) return
    const effects = from.orphan - 1
    const late = this.#start(from)
    late.orphan = 0
    this.#batch.commitRows(late, orphan)
    this.#batch.apply(late, effects)
    this.#finish(
      'progress',
      () => `the commit that was given up on arrives: ${effectsText(this.#story, effects)}`,
    )

    const lost = this.#start(from)
    lost.orphan = 0
    this.#batch.rollBackRows(lost, orphan)
    this.#finish('fault', () => 'the commit that was given up on fails')
  }

  #time(from: State): void {
    const { midnights = 0, raised } = this.#story
    if (from.day < midnights) {
      this.#start(from).day += 1
      this.#finish('fault', () => `midnight: day ${from.day + 1}`)
    }
    if (raised === true && from.raised === 0) {
      this.#start(from).raised = 1
      this.#finish('fault', () => 'the horizon is raised by a day')
    }
    if (midnights === 0) return
    this.#drop(from)
    this.#sweep(from)
  }

  /** Waits for transactions that have inserted into a partition. */
  #drop(from: State): void {
    const early = this.#design.dropped === 'a day early' ? 1 : 0
    const floor = from.day - horizon - from.raised + early
    if (floor <= 0 || floor < from.floor) return
    const dropped = [...this.#layout.rowNames.keys()].filter(
      (row) => !this.#layout.isRequestRow(row) && this.#layout.dayOfRow(from, row) < floor,
    )
    const next = this.#start(from)
    const rows = dropped.map((row) => next.rows[row]).filter((row) => row !== undefined && row.content !== 0)
    if (rows.some((row) => row?.owner !== 0) || (floor === from.floor && rows.length === 0)) return
    if (this.#design.margin && this.#isAnyOlder(from, floor)) return
    next.floor = floor
    for (const row of rows) if (row) removeRow(row)
    this.#finish('fault', () => `partitions before day ${floor} are dropped`)
  }

  /** A batch has a message from before that day: it was sealed when such messages were still taken. */
  #isAnyOlder(from: State, day: number): boolean {
    return this.#story.records.some(
      ({ message }, record) =>
        from.hands.some((hands) => isInBatch(hands, record)) && this.#layout.ageDay(from, message) < day,
    )
  }

  #sweep(from: State): void {
    // By the floor, it has waited already.
    const waits = this.#design.margin && this.#design.swept !== 'window before the floor'
    if (waits && this.#isAnyOlder(from, this.#layout.oldestTaken(from))) return
    for (const [place, name] of this.#layout.rowNames.entries()) {
      const row = from.rows[place]
      if (row === undefined || row.content === 0 || row.owner !== 0) continue
      if (!this.#layout.isRequestRow(place) || !this.#isSwept(from, row.since)) continue
      const next = this.#start(from)
      removeRow(next.rows[place] as typeof row)
      this.#finish('fault', () => `the sweep removes ${name}`)
    }
  }

  #isSwept({ day, floor, raised }: State, since: number): boolean {
    const kept = horizon + raised
    switch (this.#design.swept) {
      case 'window before the floor':
        return since + window < floor
      case 'after window and horizon':
        return since + window + kept < day
      case 'after the greater':
        return since + Math.max(window, kept) < day
    }
  }

  #redrive(from: State): void {
    if (this.#story.redrives !== true) return
    const dead = from.refused | from.tooOld | from.reused
    for (let message = 0; message < this.#story.originals; message++) {
      const bit = 1 << message
      if (!(dead & bit) || from.redriven & bit) continue
      const next = this.#start(from)
      next.redriven |= bit
      if (this.#isDayOfRedriveUsed(message)) next.redrivenOn[message] = from.day
      this.#finish('fault', () => `the dead letter of ${this.#story.published[message]?.name} is redriven`)
    }
  }

  #isDayOfRedriveUsed(message: number): boolean {
    const { isRequest } = this.#layout.message(message)
    return isRequest
      ? this.#design.requestsExpire === 'its own' || this.#design.redriven === 'is new'
      : this.#design.redriven !== 'carries both'
  }
}
