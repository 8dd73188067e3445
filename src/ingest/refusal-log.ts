import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Proof, Refusal } from './entry.ts'

/** The same cause is logged at most once per interval, while rows are still rejected for it. */
const repeatMs = 60_000

const waitingFor: Readonly<Record<Proof, (isOne: boolean) => string>> = {
  neighbour: (isOne) =>
    `, waiting until another new row is written, to prove that ${isOne ? 'this row is' : 'these rows are'} at fault`,
  'existing row': (isOne) =>
    ` and will be dead-lettered if the table accepts an existing row and rejects ${isOne ? 'this one' : 'these'} again`,
  'first row': () => ', waiting until the table accepts a row: it is empty, or rejects its own rows',
}

/** Why rejected rows wait, one line a cause, for log and `/readyz`. */
export function refusalReasons(table: string, refusals: readonly Refusal[]): string[] {
  const groups = Map.groupBy(refusals, ({ failure, waitsFor }) => `${waitsFor} ${failure.message}`)
  return [...groups.values()].map((same) => reasonOf(table, same[0] as Refusal, same.length))
}

function reasonOf(table: string, { failure, waitsFor }: Refusal, count: number): string {
  const rows = count === 1 ? '1 row was rejected' : `${count} rows were rejected`
  return `${table}: ${rows}${waitingFor[waitsFor](count === 1)}; ${failure.message}`
}

/** Logs the first refusal for each cause, and again each minute while there are more. */
export class RefusalLog {
  readonly #table: string
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #reportedAtMs = new Map<string, number>()

  constructor(table: string, logger: Logger, clock: Clock) {
    this.#table = table
    this.#logger = logger
    this.#clock = clock
  }

  report(refusal: Refusal): void {
    const now = this.#clock.now()
    const text = reasonOf(this.#table, refusal, 1)
    if (now - (this.#reportedAtMs.get(text) ?? -Infinity) < repeatMs) return
    for (const [cause, atMs] of this.#reportedAtMs)
      if (now - atMs >= repeatMs) this.#reportedAtMs.delete(cause)
    this.#reportedAtMs.set(text, now)
    const { class: failureClass, code } = refusal.failure
    this.#logger.warn({ class: failureClass, code }, text)
  }
}
