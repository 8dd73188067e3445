/** received = written + coalesced + stale + duplicate + ignored + deadLettered + nacked + outstanding */
export interface FleetCounts {
  readonly received: number
  readonly written: number
  readonly coalesced: number
  readonly stale: number
  readonly duplicate: number
  readonly ignored: number
  readonly deadLettered: number
  readonly nacked: number
  /** Undefined where a part of them is not in this process. */
  readonly redelivered?: number
  readonly outstanding: number
  /** Records that were sent to PostgreSQL, repeated attempts included. The rest never reached it. */
  readonly offered: number
}

/** What two have done together. */
export function sumOf(one: FleetCounts, other: FleetCounts | undefined): FleetCounts {
  if (!other) return one
  const sum = (name: Exclude<keyof FleetCounts, 'redelivered'>) => one[name] + other[name]
  return {
    received: sum('received'),
    written: sum('written'),
    coalesced: sum('coalesced'),
    stale: sum('stale'),
    duplicate: sum('duplicate'),
    ignored: sum('ignored'),
    deadLettered: sum('deadLettered'),
    nacked: sum('nacked'),
    outstanding: sum('outstanding'),
    offered: sum('offered'),
  }
}

/** Of what was sent, what is still on its way when the time is up. */
export interface Remaining {
  readonly undelivered: number
  readonly unsettled: number
}

/** What was published and is not settled by then will not be any more. */
export const drainLimitMs = 90_000
