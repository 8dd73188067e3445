import { digitsPerKey, timesCounted } from './planned-requests.ts'
import type { Outcome, RequestRecord } from './request-ledger.ts'

/** How often a request may be in its sum. */
const promised: Readonly<Record<Outcome, readonly [least: number, most: number]>> = {
  confirmed: [1, 1],
  unknown: [0, 1],
  refused: [0, 0],
}

const words: Readonly<Record<Outcome, string>> = {
  confirmed: 'was confirmed',
  unknown: 'may have arrived',
  refused: 'was refused',
}

/**
 * Every promise that the sums break, in words; empty where they keep them all: confirmed exactly once, unknown at most
 * once, refused never. It looks at each request, not at totals only, which one too few and one too many would leave right.
 *
 * @param sums by key, as the table has them
 */
export function brokenPromises(
  records: Iterable<Pick<RequestRecord, 'request' | 'outcome'>>,
  sums: ReadonlyMap<string, bigint>,
): string[] {
  const broken: string[] = []
  const counted = new Map([...sums].map(([key, sum]) => [key, timesCounted(sum)]))
  for (const { request, outcome } of records) {
    const times = counted.get(request.key)
    const found = times?.[request.digit] ?? 0
    if (times) times[request.digit] = 0
    const [least, most] = promised[outcome]
    if (found >= least && found <= most) continue
    const counts = found === 0 ? 'does not count' : `counts ${found === 1 ? 'once' : `${found} times`}`
    broken.push(`request ${request.digit} of ${request.key} ${words[outcome]}, and ${counts}`)
  }
  for (const [key, times] of counted) {
    const at = times.findIndex((count) => count !== 0)
    if (at === -1) continue
    const what =
      at < digitsPerKey ? `request ${at} of ${key}, which was never made` : `more than the requests of ${key}`
    broken.push(`the sum ${sums.get(key)} has ${what}`)
  }
  return broken
}

/** Confirmed requests that are in no sum yet. */
export function uncounted(
  records: Iterable<Pick<RequestRecord, 'request' | 'outcome'>>,
  sums: ReadonlyMap<string, bigint>,
): number {
  let count = 0
  const counted = new Map([...sums].map(([key, sum]) => [key, timesCounted(sum)]))
  for (const { request, outcome } of records) {
    if (outcome === 'confirmed' && !counted.get(request.key)?.[request.digit]) count += 1
  }
  return count
}
