import type { Cache, CacheRecord, Verdict } from '#core/cache.ts'
import type { Journal } from './journal.ts'
import { namesOf } from './journal.ts'

interface Call {
  readonly step: 'begin' | 'confirm' | 'release'
  readonly names: string
  readonly token: string
}

/** A cache that answers as told and notes what it is asked. */
export class SimulatedCache implements Cache {
  readonly calls: Call[] = []
  /** What `begin` says of a record. */
  verdict: (record: CacheRecord) => Verdict = () => 'fresh'
  /** Whether `confirm` ever comes back. */
  confirmReturns = true

  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  async begin(records: readonly CacheRecord[], token: string): Promise<readonly Verdict[]> {
    this.#note('begin', records, token)
    return records.map((record) => this.verdict(record))
  }

  confirm(records: readonly CacheRecord[], token: string): Promise<void> {
    this.#note('confirm', records, token)
    return this.confirmReturns ? Promise.resolve() : new Promise(() => {})
  }

  async release(records: readonly CacheRecord[], token: string): Promise<void> {
    this.#note('release', records, token)
  }

  #note(step: Call['step'], records: readonly CacheRecord[], token: string): void {
    const names = namesOf(records)
    this.calls.push({ step, names, token })
    this.#journal.add(`${step} ${names}`)
  }
}
