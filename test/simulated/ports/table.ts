import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareVersions } from '#pipeline/newest.ts'
import type { FailureClass } from '#core/write-failure.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { LockWait, Sink, Stored } from '#core/sink.ts'
import { sleep } from '#runtime/clock.ts'
import { HotLoopGuard } from '../../support/hot-loop.ts'
import type { Journal } from '../../support/journal.ts'
import { nameOf, namesOf } from '../../support/journal.ts'
import type { VirtualClock } from '../../support/virtual-clock.ts'

export interface Fault {
  readonly class: FailureClass
  readonly code?: string
  /** Whether it strikes this statement; by default it strikes every one. */
  readonly when?: (records: readonly KeyedRecord[]) => boolean
  /** How often it strikes before it is gone; by default until it is fixed. */
  readonly times?: number
  /** The reply is lost, not the statement. */
  readonly commits?: boolean
  /** As {@link WriteFailure} has it. */
  readonly ownFault?: boolean
}

/** One statement, whatever became of it. */
export interface Attempt {
  readonly atMs: number
  readonly records: readonly KeyedRecord[]
}

/** A table in memory that keeps the newest row of each key, fails as told and keeps its callers waiting as told. */
export class SimulatedTable implements Sink {
  readonly rows = new Map<string, KeyedRecord>()
  readonly attempts: Attempt[] = []
  /** Most statements that were under way at one time. */
  maxInFlight = 0

  readonly #clock: VirtualClock
  readonly #journal: Journal
  readonly #faults = new Map<symbol, { fault: Fault; left: number }>()
  readonly #inFlight = new Set<string>()
  readonly #locked = new Set<string>()
  readonly #guard: HotLoopGuard
  #running = 0
  #gate: PromiseWithResolvers<void> | undefined

  constructor(clock: VirtualClock, journal: Journal) {
    this.#clock = clock
    this.#journal = journal
    this.#guard = new HotLoopGuard('the table', clock, journal)
  }

  /** From now on it fails so; the returned function fixes it. */
  fail(fault: Fault): () => void {
    const id = Symbol(fault.class)
    this.#faults.set(id, { fault, left: fault.times ?? Infinity })
    return () => this.#faults.delete(id)
  }

  /** Refuses rows of these keys, as a constraint would. */
  refuse(keys: readonly string[], fault: Partial<Fault> = {}): () => void {
    const when = (records: readonly KeyedRecord[]) => records.some(({ key }) => keys.includes(key))
    return this.fail({ class: 'bad-row', code: '23514', when, ...fault })
  }

  fixAll(): void {
    this.#faults.clear()
  }

  /** Statements wait, begun but not committed, until `unblock` (which is also returned). */
  block(): () => void {
    this.#gate ??= Promise.withResolvers()
    return () => this.unblock()
  }

  unblock(): void {
    this.#gate?.resolve()
    this.#gate = undefined
  }

  /** Another replica writes a record. */
  place(record: KeyedRecord): void {
    this.#store([record])
  }

  /** Each row as its message's text, in order of key. */
  get contents(): string[] {
    return [...this.rows.values()].map(nameOf).sort()
  }

  /** Another transaction holds the rows of these keys, or inserts them; the returned function ends it. */
  lock(keys: readonly string[]): () => void {
    for (const key of keys) this.#locked.add(key)
    return () => keys.forEach((key) => this.#locked.delete(key))
  }

  async locked(records: readonly KeyedRecord[]): Promise<readonly KeyedRecord[]> {
    this.#journal.add(`look ${namesOf(records)}`)
    await this.#guard.pass()
    return records.filter(({ key }) => this.#locked.has(key) && this.rows.has(key))
  }

  async write(records: readonly KeyedRecord[], wait: LockWait = 'usual'): Promise<Stored> {
    this.#begin(records)
    try {
      await this.#guard.pass()
      await this.#gate?.promise
      if (records.some(({ key }) => this.#locked.has(key))) {
        await sleep(this.#clock, wait === 'usual' ? 300 : 2)
        if (records.some(({ key }) => this.#locked.has(key))) throw lockedFailure()
      }
      const failure = this.#strike(records)
      if (failure && !failure.commits) throw failure.error
      const placed = this.#store(records)
      if (failure) throw failure.error
      this.#journal.add(`commit ${namesOf(records)}`)
      return { written: placed }
    } finally {
      this.#running -= 1
      for (const { key } of records) this.#inFlight.delete(key)
    }
  }

  /** Faults strike it as they strike any row, and it changes nothing. */
  async rewriteExistingRow(): Promise<boolean> {
    const [row] = this.rows.values()
    this.#journal.add(`rewrite ${row ? nameOf(row) : 'nothing'}`)
    await this.#guard.pass()
    await this.#gate?.promise
    const failure = row && this.#strike([row])
    if (failure) throw failure.error
    return row !== undefined
  }

  #begin(records: readonly KeyedRecord[]): void {
    const atMs = this.#clock.now()
    this.attempts.push({ atMs, records })
    this.#journal.add(`write ${namesOf(records)}`)
    this.#running += 1
    this.maxInFlight = Math.max(this.maxInFlight, this.#running)
    if (records.length === 0) this.#journal.breach('wrote nothing')
    if (new Set(records.map(({ key }) => key)).size < records.length) {
      this.#journal.breach(`a key twice in one statement: ${namesOf(records)}`)
    }
    for (const { key } of records) {
      if (this.#inFlight.has(key)) this.#journal.breach(`${key} is being written twice at once`)
      this.#inFlight.add(key)
    }
  }

  #strike(records: readonly KeyedRecord[]): { error: WriteFailure; commits: boolean } | undefined {
    for (const [id, armed] of this.#faults) {
      const { fault } = armed
      if (fault.when && !fault.when(records)) continue
      armed.left -= 1
      if (armed.left <= 0) this.#faults.delete(id)
      const { ownFault = false } = fault
      const error = new WriteFailure(fault.class, `the table says ${fault.class}`, fault.code, { ownFault })
      return { error, commits: fault.commits ?? false }
    }
    return undefined
  }

  #store(records: readonly KeyedRecord[]): number {
    let placed = 0
    for (const record of records) {
      const row = this.rows.get(record.key)
      if (row && compareVersions(record, row) <= 0) continue
      this.rows.set(record.key, record)
      placed += 1
    }
    return placed
  }
}

function lockedFailure(): WriteFailure {
  return new WriteFailure('locked', 'the table says locked', '55P03')
}
