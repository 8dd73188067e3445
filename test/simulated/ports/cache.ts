import type { Begun, Cache, CacheRecord, Verdict } from '#core/cache.ts'
import type { Journal } from '../../support/journal.ts'
import { namesOf } from '../../support/journal.ts'

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
  /** Those that were given out and neither confirmed nor released, as `token key`. */
  readonly claims = new Set<string>()

  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  async begin(records: readonly CacheRecord[], token: string): Promise<Begun> {
    this.#note('begin', records, token)
    const verdicts = records.map((record) => this.verdict(record))
    const nameOf = ({ key }: CacheRecord) => `${token} ${key}`
    const end = (ended: readonly CacheRecord[]) => ended.forEach((one) => this.claims.delete(nameOf(one)))
    for (const [at, record] of records.entries()) {
      if (verdicts[at] === 'fresh') this.claims.add(nameOf(record))
    }
    return {
      verdicts,
      confirm: (done) => {
        this.#note('confirm', done, token)
        end(done)
        return this.confirmReturns ? Promise.resolve() : new Promise(() => {})
      },
      release: async (failed) => {
        this.#note('release', failed, token)
        end(failed)
      },
    }
  }

  #note(step: Call['step'], records: readonly CacheRecord[], token: string): void {
    const names = namesOf(records)
    this.calls.push({ step, names, token })
    this.#journal.add(`${step} ${names}`)
  }
}
