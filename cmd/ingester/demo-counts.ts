/** What the counts mean, for those who see them for the first time. */
export const meanings = {
  published: 'confirmed by the broker',
  received: '',
  written: 'its row was committed',
  coalesced: 'folded into a newer one of its batch',
  stale: 'a newer one was committed before',
  duplicate: 'its effect was committed before',
  ignored: 'there was nothing to store',
  deadLettered: 'cannot be stored; see dead_letters',
  nacked: 'at a forced shutdown',
  outstanding: 'in flight, not settled yet',
  redelivered: 'received more than once',
  offered: 'records sent to PostgreSQL',
  poison: 'published on purpose, to be dead-lettered',
  requests: 'sent, those that are malformed on purpose included',
  attempts: 'of these requests, repetitions included',
  confirmed: 'requests that must count exactly once',
  unknown: 'requests that may count, at most once',
  refused: 'requests that must not count',
  keys: 'different ones, among what was published',
  kills: 'of gateways and ingesters, with -9',
  rows: 'in the table',
} as const

export type Count = keyof typeof meanings

/** The name of a count for people. */
export function labelOf(name: Count): string {
  return name === 'deadLettered' ? 'dead letters' : name
}

/** `12%` */
export function share(part: number, whole: number): string {
  return `${Math.round((100 * part) / whole)}%`
}
