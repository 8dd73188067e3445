import type { Design } from './designs.ts'
import type { Message, Record, Story } from './scenario.ts'
import { horizon, limits } from './scenario.ts'
import type { IdentityRow, State } from './state.ts'

/** Where a design keeps the identities of a scenario, and how old messages are by it. */
export class Layout {
  readonly #story: Story
  readonly #design: Design
  /** Of the rows. */
  readonly #keys: string[] = []
  readonly #rowOf: readonly number[]
  /** Per row: a message that may stand under it. */
  readonly #messageOf: number[] = []

  constructor(story: Story, design: Design) {
    this.#story = story
    this.#design = design
    this.#rowOf = story.records.map((record) => this.#enter(record))
    if (this.#keys.length > limits.identities) throw new Error('more identities than a state holds')
  }

  /** The place of the row under which a record is counted. */
  rowAt(state: State, record: number): number {
    const own = this.#rowOf[record] as number
    const { message, index } = this.record(record)
    const { isRequest, original } = this.message(message)
    if (original === undefined || isRequest || this.#design.redriven !== 'in its own partition') return own
    const first = this.message(original)
    // The partition is the same where it is redriven on the day of its original.
    return state.redrivenOn[original] === first.day
      ? (this.#rowOf[first.records[index] as number] as number)
      : own
  }

  row(state: State, record: number): IdentityRow {
    return state.rows[this.rowAt(state, record)] as IdentityRow
  }

  /** The names of those that may be in use. */
  get rowNames(): readonly string[] {
    return this.#keys
  }

  isRequestRow(row: number): boolean {
    return this.message(this.#messageOf[row] as number).isRequest
  }

  /** The day of the partition that has a row. */
  dayOfRow(state: State, row: number): number {
    return this.#partitionDay(state, this.#messageOf[row] as number)
  }

  /** It has no partition to be inserted into. */
  isPartitionGone(state: State, record: number): boolean {
    const { message } = this.record(record)
    if (this.message(message).isRequest || this.#design.floor === 'ignored') return false
    return this.#partitionDay(state, message) < state.floor
  }

  /** Whether its dead letter may say `too-old`, now or earlier. */
  isTooOld(state: State, record: number): boolean {
    const { message } = this.record(record)
    const { isRequest } = this.message(message)
    if (isRequest ? this.#design.requestsExpire === 'never' : !this.#design.messagesExpire) return false
    return this.ageDay(state, message) < this.oldestTaken(state)
  }

  oldestTaken({ day, raised, floor }: State): number {
    const byHorizon = day - horizon - raised
    return this.#design.floor === 'stays' ? Math.max(byHorizon, floor) : byHorizon
  }

  /** The publish day by which a message is judged. */
  ageDay(state: State, message: number): number {
    const { isRequest, day, identityDay } = this.message(message)
    if (this.#design.redriven === 'is new') return this.#dayOfNew(state, message)
    if (!isRequest) return identityDay
    return this.#design.requestsExpire === 'its own' ? this.#publishedOn(state, message) : day
  }

  message(message: number): Message {
    return this.#story.published[message] as Message
  }

  record(record: number): Record {
    return this.#story.records[record] as Record
  }

  #partitionDay(state: State, message: number): number {
    if (this.#design.redriven === 'in its own partition') return this.#publishedOn(state, message)
    return this.#design.redriven === 'is new'
      ? this.#dayOfNew(state, message)
      : this.message(message).identityDay
  }

  /** Only what is redriven has lost its identity. */
  #dayOfNew(state: State, message: number): number {
    const { original, isRequest, day, identityDay } = this.message(message)
    if (original !== undefined) return this.#publishedOn(state, message)
    return isRequest ? day : identityDay
  }

  #publishedOn({ redrivenOn }: State, message: number): number {
    const { original, day } = this.message(message)
    return original === undefined ? day : (redrivenOn[original] as number)
  }

  #enter({ message, index, identity }: Record): number {
    const { isRequest, original, day, identityDay } = this.message(message)
    const { indexed, requestDay, redriven } = this.#design
    const isApart =
      original !== undefined && (redriven === 'is new' || (!isRequest && redriven === 'in its own partition'))
    const isOfAnotherDay = isRequest ? requestDay : redriven === 'in its own partition' && day !== identityDay
    const key = [
      this.#story.identities[identity]?.name,
      indexed ? `.${index}` : '',
      isOfAnotherDay ? ` of day ${day}` : '',
      isApart ? ' (redriven)' : '',
    ].join('')
    const found = this.#keys.indexOf(key)
    if (found >= 0) return found
    this.#messageOf.push(message)
    return this.#keys.push(key) - 1
  }
}
