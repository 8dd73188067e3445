import type { PlannedRequest } from './planned-requests.ts'

/**
 * What a client knows of a request, or of one attempt at it.
 *
 * - `confirmed`: it counts, once
 * - `unknown`: it may count, once at most: the answer was lost, or says so
 * - `refused`: it does not count: every attempt was refused, or never sent
 */
export type Outcome = 'confirmed' | 'unknown' | 'refused'

/** One request, and all that was answered to it. */
export class RequestRecord {
  readonly request: PlannedRequest
  attempts = 0
  #open = 0
  #isConfirmed = false
  #isUnsure = false

  constructor(request: PlannedRequest) {
    this.request = request
  }

  /** An attempt begins. */
  begin(): void {
    this.attempts += 1
    this.#open += 1
  }

  /** An attempt has ended. */
  end(outcome: Outcome): void {
    this.#open -= 1
    if (outcome === 'confirmed') this.#isConfirmed = true
    if (outcome === 'unknown') this.#isUnsure = true
  }

  /** Of all attempts together: one that is refused takes nothing from what an earlier one may have done. */
  get outcome(): Outcome {
    if (this.#isConfirmed) return 'confirmed'
    return this.#isUnsure || this.#open > 0 ? 'unknown' : 'refused'
  }
}

/** All requests of a demo. */
export class RequestLedger {
  readonly records: RequestRecord[] = []

  add(request: PlannedRequest): RequestRecord {
    const record = new RequestRecord(request)
    this.records.push(record)
    return record
  }

  counts(): Readonly<Record<Outcome | 'requests' | 'attempts', number>> {
    const counts = { requests: this.records.length, attempts: 0, confirmed: 0, unknown: 0, refused: 0 }
    for (const { attempts, outcome } of this.records) {
      counts.attempts += attempts
      counts[outcome] += 1
    }
    return counts
  }

  /** Different keys of the requests. */
  get keys(): number {
    return new Set(this.records.map(({ request }) => request.key)).size
  }
}
