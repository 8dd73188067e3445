import type { Scan } from './scan.ts'
import { keyOfScan } from './scan.ts'

/**
 * What the table must hold in the end: the newest scan of each key among those published, found in the plainest way
 * and sharing no code with the ingester. Equal times: the response whose UTF-8 bytes are greater.
 */
export class Oracle {
  readonly #newest = new Map<string, Scan>()

  published(scan: Scan): void {
    const key = keyOfScan(scan)
    const known = this.#newest.get(key)
    if (!known || isNewer(scan, known)) this.#newest.set(key, scan)
  }

  get keys(): number {
    return this.#newest.size
  }

  /** Every difference of a table, in words; empty where it is right. */
  differences(rows: readonly Scan[]): string[] {
    const found = new Map(rows.map((row) => [keyOfScan(row), row]))
    const differences: string[] = []
    const duplicates = rows.length - found.size
    if (duplicates > 0)
      differences.push(`${duplicates} duplicate ${duplicates === 1 ? 'key' : 'keys'} in the table`)
    for (const [key, expected] of this.#newest) {
      const row = found.get(key)
      if (!row) differences.push(`${key} is missing`)
      else if (row.timestamp !== expected.timestamp || row.response !== expected.response) {
        differences.push(`${key} should be ${describe(expected)}, but is ${describe(row)}`)
      }
      found.delete(key)
    }
    for (const key of found.keys()) differences.push(`${key} was never published`)
    return differences
  }
}

function isNewer(a: Scan, b: Scan): boolean {
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp
  return Buffer.compare(Buffer.from(a.response), Buffer.from(b.response)) > 0
}

function describe({ timestamp, response }: Scan): string {
  return `"${response}" of ${timestamp}`
}
