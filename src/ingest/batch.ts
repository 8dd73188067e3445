import { randomUUID } from 'node:crypto'
import type { WriteFailure } from '#core/write-failure.ts'
import { writeFailureOf } from '#core/write-failure.ts'
import type { LockWait } from '#core/sink.ts'
import { sleep } from '#runtime/clock.ts'
import { isLocked } from './bisect.ts'
import type { Arrival, Entry } from './entry.ts'
import type { FlushPorts, Written } from './flush.ts'
import { flush } from './flush.ts'
import type { IsolationPorts } from './isolate.ts'
import { deadLetterRefused, isolate } from './isolate.ts'
import type { Evidence } from './store-gate.ts'
import { noEvidence, notAttempted, works } from './store-gate.ts'

export interface BatchPorts extends FlushPorts, IsolationPorts {
  /** A forced shutdown. */
  readonly aborted: AbortSignal
}

/** What a lane hands over to be written. */
export interface Batch {
  readonly entries: readonly Entry[]
  /** Their rows were locked by other transactions, and may still be. */
  readonly wereLocked: boolean
  /** Whether an entry that another process is writing may wait for it, `ahead` others of the batch being parked already. */
  readonly mayPark: (entry: Entry, ahead: number) => boolean
}

/** What returns to the lane. All else is settled, or on its way to the dead letters. */
export interface BatchResult {
  /** Rejected by the store without proof that their own values are the cause. They wait for that proof. */
  readonly refused: readonly Entry[]
  /** Being written by another process. */
  readonly parked: readonly Entry[]
  /** When the first of these was; ms of the monotonic clock. */
  readonly parkedAtMs: number
  /** Their rows are locked by other transactions. */
  readonly locked: readonly Entry[]
  /** Arrivals whose winner was dead-lettered, or tied with it and was settled: it is their turn. */
  readonly readmitted: readonly Arrival[]
}

/** A conflict that recurs more often is none: something rejects every attempt, and the operator should know. */
const conflictsTolerated = 10
/** A deadlock's victims must not meet again at once: 5 to 50 ms. */
const conflictPauseMs = () => 5 + Math.random() * 45

/** A row locked for this long may be held by writers like this one, in turn: the statement then waits in their queue. */
const starvedMs = 30_000

const nothing: Written = { entries: [], placed: 0, refused: [] }

/**
 * Flushes a batch until every entry is settled, dead-lettered or set aside, whatever fails and however long that takes.
 * Returns early only at a forced shutdown.
 */
export function writeBatch(batch: Batch, ports: BatchPorts): Promise<BatchResult> {
  return new BatchWrite(batch, ports).run()
}

/** A batch on its way. */
class BatchWrite {
  readonly #batch: Batch
  readonly #ports: BatchPorts
  readonly #token = randomUUID()
  readonly #refused: Entry[] = []
  readonly #parked: Entry[] = []
  #parkedAtMs = Infinity
  readonly #locked: Entry[] = []
  /** The parked and the locked. */
  readonly #setAside = new Set<Entry>()
  readonly #readmitted: Arrival[] = []
  #rest: readonly Entry[]
  /** Which rows are locked is to be asked before the next attempt. */
  #looking: boolean
  #wasBlocked = false
  #searching = false
  #conflicts = 0
  #pauseMs = 0
  #isTooBig = false
  /** By the present attempt so far. */
  #shown: Evidence = notAttempted

  constructor(batch: Batch, ports: BatchPorts) {
    this.#batch = batch
    this.#ports = ports
    this.#rest = batch.entries
    this.#looking = batch.wereLocked
  }

  async run(): Promise<BatchResult> {
    const { gate, clock, aborted } = this.#ports
    let isAdmitted = true
    while (isAdmitted && this.#rest.length > 0) {
      isAdmitted = await gate.run((open) => this.#attempt(open))
      if (this.#pauseMs > 0) await sleep(clock, this.#pauseMs, aborted)
      this.#pauseMs = 0
      if (this.#isTooBig) await this.#writeHalves()
    }
    return {
      refused: this.#refused,
      parked: this.#parked,
      parkedAtMs: this.#parkedAtMs,
      locked: this.#locked,
      readmitted: this.#readmitted,
    }
  }

  async #attempt(open: () => void): Promise<Evidence> {
    this.#shown = notAttempted
    try {
      if (this.#looking) await this.#look(open)
      if (this.#rest.length === 0) return this.#shown
      if (this.#searching) return await this.#search(open)
      const written = await this.#flush(this.#rest, this.#batch.wereLocked ? 'brief' : 'usual')
      this.#rest = []
      return wasAnswered(written) ? works : notAttempted
    } catch (error) {
      const failure = writeFailureOf(error)
      this.#ports.observer.writeFailed?.(failure.class)
      this.#rest = this.#left(this.#rest)
      return this.#evidenceOf(failure)
    }
  }

  /** What the failure shows; and what is to be done next. */
  #evidenceOf(failure: WriteFailure): Evidence {
    const failed: Evidence = { shows: 'failed', failure }
    const isAlone = this.#rest.length <= 1
    switch (failure.class) {
      case 'conflict':
        this.#conflicts += 1
        if (this.#conflicts > conflictsTolerated) return failed
        this.#pauseMs = conflictPauseMs()
        return noEvidence
      case 'locked':
        this.#looking = true
        this.#wasBlocked = true
        return noEvidence
      case 'too-big':
        this.#isTooBig = !isAlone
        return isAlone ? failed : noEvidence
      case 'bad-row':
        this.#searching = true
        return isAlone ? { shows: 'refused', failure } : noEvidence
      case 'unknown':
        this.#searching = true
        return isAlone ? { shows: 'refused', failure } : failed
      case 'infrastructure':
      case 'schema-drift':
      case 'no-rights':
        this.#searching = false
        return failed
    }
  }

  /** Sets aside what is seen to be locked. */
  async #look(open: () => void): Promise<void> {
    const { clock, sink } = this.#ports
    this.#looking = false
    const starved = this.#wasBlocked ? undefined : starvedOf(this.#rest, clock.now())
    if (starved) await this.#writeOrSetAside([starved], open, 'usual')
    this.#rest = this.#left(this.#rest)
    const locked =
      (this.#rest.length > 0 && (await sink.locked?.(this.#rest.map(({ winner }) => winner.record)))) || []
    const records = new Set(locked)
    for (const entry of this.#rest) if (records.has(entry.winner.record)) this.#lockedOut(entry)
    // A row that is being inserted is not seen, but found by halves.
    this.#searching ||= this.#wasBlocked && locked.length === 0
    this.#rest = this.#left(this.#rest)
    this.#note(noEvidence)
  }

  /** Finds the rows that are refused alone, or locked. */
  async #search(open: () => void): Promise<Evidence> {
    // What a forced shutdown has nacked, or another part of the search has set aside, must not be written.
    const attempt = async (part: readonly Entry[]) => {
      const left = this.#left(part)
      return left.length > 0 ? this.#writeOrSetAside(left, open) : nothing
    }
    const { refused, readmitted, refusal } = await isolate(this.#rest, attempt, this.#ports)
    this.#refused.push(...refused)
    this.#readmitted.push(...readmitted)
    this.#rest = []
    return refusal ? { shows: 'refused', failure: refusal } : this.#shown
  }

  /** An entry that is alone in its statement and locked is set aside. A search does not wait for locks. */
  async #writeOrSetAside(
    entries: readonly Entry[],
    open: () => void,
    wait: LockWait = 'brief',
  ): Promise<Written> {
    try {
      const written = await this.#flush(entries, wait)
      if (!wasAnswered(written)) return written
      this.#note(works)
      open()
      return written
    } catch (error) {
      const [entry, ...others] = entries
      if (!entry || others.length > 0 || !isLocked(error)) throw error
      this.#lockedOut(entry)
      this.#note(noEvidence)
      return nothing
    }
  }

  async #flush(entries: readonly Entry[], wait: LockWait): Promise<Written> {
    const batch = { token: this.#token, park: this.#park, readmit: this.#readmit }
    const written = await flush(entries, batch, this.#ports, wait)
    for (const refused of written.refused) this.#readmitted.push(...deadLetterRefused(refused, this.#ports))
    return written
  }

  readonly #park = (entry: Entry): boolean => {
    if (!this.#batch.mayPark(entry, this.#parked.length)) return false
    this.#parkedAtMs = Math.min(this.#parkedAtMs, this.#ports.clock.now())
    this.#parked.push(entry)
    this.#setAside.add(entry)
    return true
  }

  readonly #readmit = (arrivals: readonly Arrival[]): void => {
    this.#readmitted.push(...arrivals)
  }

  #lockedOut(entry: Entry): void {
    entry.lockedSinceMs ??= this.#ports.clock.now()
    this.#locked.push(entry)
    this.#setAside.add(entry)
  }

  #left(entries: readonly Entry[]): readonly Entry[] {
    const { ledger } = this.#ports
    return entries.filter((entry) => ledger.isOpen(entry.winner) && !this.#setAside.has(entry))
  }

  /** That the store works outweighs all else. */
  #note(evidence: Evidence): void {
    if (this.#shown !== works) this.#shown = evidence
  }

  /** Each a batch of its own. */
  async #writeHalves(): Promise<void> {
    const mayPark = (entry: Entry, ahead: number) => this.#batch.mayPark(entry, this.#parked.length + ahead)
    const half = Math.ceil(this.#rest.length / 2)
    for (const entries of [this.#rest.slice(0, half), this.#rest.slice(half)]) {
      const result = await writeBatch({ entries, wereLocked: false, mayPark }, this.#ports)
      this.#refused.push(...result.refused)
      this.#parked.push(...result.parked)
      this.#parkedAtMs = Math.min(this.#parkedAtMs, result.parkedAtMs)
      this.#locked.push(...result.locked)
      this.#readmitted.push(...result.readmitted)
    }
    this.#rest = []
  }
}

/** Whether the sink was asked at all: otherwise nothing was due. */
function wasAnswered({ entries, refused }: Written): boolean {
  return entries.length + refused.length > 0
}

/** One of those that have waited too long, if any. */
function starvedOf(entries: readonly Entry[], nowMs: number): Entry | undefined {
  const starved = entries.filter(({ lockedSinceMs = nowMs }) => nowMs - lockedSinceMs >= starvedMs)
  return starved[Math.floor(Math.random() * starved.length)]
}
