import type { AcceptedMessage, RowVersion } from './facts.ts'
import { describeRow } from './facts.ts'
import { isNewer, newestOf } from './order.ts'

/** The rows that must stand in the end: of each key the newest that was accepted and is not refused. */
function expectedRows(accepted: Iterable<AcceptedMessage>): Map<string, RowVersion> {
  const valid: RowVersion[] = []
  for (const meaning of [...accepted].flatMap(({ meanings }) => meanings)) {
    if ('row' in meaning && !meaning.refused) valid.push(meaning.row)
  }
  return newestOf(valid)
}

/** Everything in which a table differs from what was accepted. */
export function tableBreaches(
  accepted: Iterable<AcceptedMessage>,
  rows: ReadonlyMap<string, RowVersion>,
): string[] {
  const expected = expectedRows(accepted)
  const breaches: string[] = []
  for (const [key, row] of expected) {
    const found = rows.get(key)
    if (!found) breaches.push(`the table lacks ${describeRow(row)}`)
    else if (isNewer(row, found) || isNewer(found, row)) {
      breaches.push(`the table has ${describeRow(found)} where ${describeRow(row)} must be`)
    }
  }
  for (const [key, row] of rows) {
    if (!expected.has(key)) breaches.push(`the table has ${describeRow(row)}, a key that was never published`)
  }
  return breaches
}

/** To be told of every row that is placed: a row's version never falls. */
export class RowHistory {
  readonly #newest = new Map<string, RowVersion>()

  /** A row was put in the place of what stood there; the breach, if that is none. */
  placed(row: RowVersion): string | undefined {
    const before = this.#newest.get(row.key)
    if (before && isNewer(before, row)) return `the row ${describeRow(before)} fell to ${describeRow(row)}`
    this.#newest.set(row.key, row)
    return undefined
  }

  /** The table has lost rows, by a TRUNCATE or to a server that lacks them. */
  forget(): void {
    this.#newest.clear()
  }
}
