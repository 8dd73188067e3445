import type { AcceptedMessage, RowVersion } from './facts.ts'
import { describeRow } from './facts.ts'
import { isNewer, newestOf } from './order.ts'

/** What must be true of each key in the end: the newest that was accepted and is not refused. */
function expectedVersions(accepted: Iterable<AcceptedMessage>): Map<string, RowVersion> {
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
  const expected = expectedVersions(accepted)
  const breaches: string[] = []
  for (const [key, row] of expected) {
    const found = rows.get(key)
    if (row.gone) {
      if (found) breaches.push(`the table has ${describeRow(found)}, deleted by ${describeRow(row)}`)
    } else if (!found) breaches.push(`the table lacks ${describeRow(row)}`)
    else if (isNewer(row, found) || isNewer(found, row)) {
      breaches.push(`the table has ${describeRow(found)} where ${describeRow(row)} must be`)
    }
  }
  for (const [key, row] of rows) {
    if (!expected.has(key)) breaches.push(`the table has ${describeRow(row)}, a key that was never published`)
  }
  return breaches
}

/** To be told of every row that is placed or removed, and of every deletion that is entered: a row never falls or comes back. */
export class RowHistory {
  /** Of each key: a row, or a deletion. */
  readonly #newest = new Map<string, RowVersion>()
  readonly #deletions = new Map<string, RowVersion>()

  /** A row was put in the place of what stood there, or a deletion is remembered; the breach, if that is none. */
  placed(version: RowVersion): string | undefined {
    const { key, gone = false } = version
    const known = gone ? this.#deletions : this.#newest
    const before = known.get(key)
    if (before && isNewer(before, version)) return fall(before, version)
    if (gone) this.#deletions.set(key, version)
    const newest = this.#newest.get(key)
    if (!newest || isNewer(version, newest)) this.#newest.set(key, version)
    return undefined
  }

  /** A row was removed, after the deletion was entered for which that is; the breach, if there is none as new. */
  removed(row: RowVersion): string | undefined {
    const deletion = this.#deletions.get(row.key)
    if (deletion && !isNewer(row, deletion)) return undefined
    const known = deletion ? `the deletion ${describeRow(deletion)} is older` : 'no deletion is remembered'
    return `the row ${describeRow(row)} was removed: ${known}`
  }

  /**
   * The table has lost rows, by a TRUNCATE or to a server that lacks them.
   *
   * @param deletions those that are still remembered
   */
  forget(deletions: Iterable<RowVersion> = []): void {
    this.#newest.clear()
    this.#deletions.clear()
    for (const deletion of deletions) this.placed(deletion)
  }
}

function fall(before: RowVersion, now: RowVersion): string {
  if (now.gone) return `the deletion ${describeRow(before)} fell to ${describeRow(now)}`
  if (before.gone) return `the row ${describeRow(now)} came back after ${describeRow(before)}`
  return `the row ${describeRow(before)} fell to ${describeRow(now)}`
}
