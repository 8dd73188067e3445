/** What an ingester counted, in INTERFACE's words. */
export interface Counts {
  readonly received: number
  readonly written: number
  readonly coalesced: number
  readonly stale: number
  readonly duplicate: number
  readonly ignored: number
  readonly deadLettered: number
  readonly nacked: number
  readonly outstanding: number
}

/** received = written + coalesced + stale + duplicate + ignored + dead-lettered + nacked + outstanding, always. */
export function countBreaches(who: string, counts: Counts): string[] {
  const { received, ...ended } = counts
  const sum = Object.values(ended).reduce((total, count) => total + count, 0)
  return sum === received
    ? []
    : [`${who} received ${received} and accounts for ${sum}: ${JSON.stringify(ended)}`]
}

export function sumOf(all: readonly Counts[]): Counts {
  const total = (name: keyof Counts) => all.reduce((sum, counts) => sum + counts[name], 0)
  return {
    received: total('received'),
    written: total('written'),
    coalesced: total('coalesced'),
    stale: total('stale'),
    duplicate: total('duplicate'),
    ignored: total('ignored'),
    deadLettered: total('deadLettered'),
    nacked: total('nacked'),
    outstanding: total('outstanding'),
  }
}
