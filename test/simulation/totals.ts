import { verdicts } from '#core/cache.ts'
import { settlements } from '#core/delivery.ts'
import type { Outcome } from './simulate.ts'

/** What happened over many schedules. */
export interface Totals {
  schedules: number
  longestSettlingMs: number
  readonly counts: Record<string, number>
}

export const noTotals = (): Totals => ({ schedules: 0, longestSettlingMs: 0, counts: {} })

export function add(totals: Totals, { counts, settledAfterMs }: Outcome): void {
  totals.schedules += 1
  totals.longestSettlingMs = Math.max(totals.longestSettlingMs, settledAfterMs)
  for (const [kind, count] of counts) totals.counts[kind] = (totals.counts[kind] ?? 0) + count
}

export function join(totals: Totals, other: Totals): void {
  totals.schedules += other.schedules
  totals.longestSettlingMs = Math.max(totals.longestSettlingMs, other.longestSettlingMs)
  for (const [kind, count] of Object.entries(other.counts)) {
    totals.counts[kind] = (totals.counts[kind] ?? 0) + count
  }
}

const named = (prefix: string, names: readonly string[]) => names.map((name) => `${prefix}: ${name}`)
const fates = ['request lost', 'reply lost', 'late', 'slow']

/** What many schedules must have seen, or they prove little. */
const everyKind: readonly string[] = [
  'published',
  'received',
  'redelivered',
  'leases lost',
  'hold began',
  'hold ended',
  'claim taken over',
  'postgres: landed after its caller had given up',
  'broker: response lost',
  'broker: ack came too late',
  'crash with deliveries outstanding',
  'crash with nothing outstanding',
  'graceful shutdown',
  'forced shutdown',
  'published: several records',
  'published: a deletion',
  named('deletion', ['entered', 'removed a row', 'won over a row', 'won over a row of its version']),
  named('tie', ['won', 'lost']),
  'postgres: a guard is locked',
  'postgres: lost a connection in a transaction',
  named('settled', settlements),
  'counted',
  'redriven',
  'published: under a given identity',
  'published: too late for a request',
  'postgres: a sum has no room',
  named('dead letter', ['bad-identity', 'identity-reused', 'refused-by-database', 'too-old']),
  named('event', ['redrive', 'time passes']),
  'ignored: empty',
  named('verdict', verdicts),
  named('redis', fates),
  named('postgres', fates),
  named('broker', fates),
  named('bypass', ['disconnected', 'timeout', 'loading', 'read-only', 'out-of-memory', 'no-rights']),
  named('bypass', ['refused', 'garbage', 'breaker', 'epoch']),
  named('write failed', [
    'infrastructure',
    'conflict',
    'locked',
    'too-big',
    'schema-drift',
    'no-rights',
    'unknown',
  ]),
  named('write failed', ['bad-row']),
  named('event', [
    'crash',
    'graceful shutdown',
    'forced shutdown',
    'truncate and replay',
    'postgres fails over',
  ]),
  named('event', ['postgres away', 'postgres frozen', 'postgres disorder', 'postgres cuts connections']),
  named('event', ['postgres loses parents', 'postgres rows locked']),
  'settled without a neighbour',
  'postgres: a row is locked',
  named('event', ['redis away', 'redis frozen', 'redis refuses', 'redis flushed', 'redis fails over']),
  named('event', ['redis garbage', 'redis evicts']),
  named('event', ['broker away', 'broker repeats', 'broker expires leases']),
].flat()

/** In this many schedules every kind has happened; the rarest occurs once in some hundred. */
export const enoughForEveryKind = 3000

export function missingKinds({ counts }: Totals): string[] {
  return everyKind.filter((kind) => !counts[kind])
}

export interface Report {
  readonly firstSeed: number
  readonly lastSeed: number
  readonly schedules: number
  readonly messages: number
  readonly deliveries: number
  readonly settled: Readonly<Record<string, number>>
  /** What became of deletions, and of records that only the table can order. */
  readonly decided: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  readonly longestSettlingSeconds: number
  readonly seconds: number
  readonly schedulesPerMinute: number
}

const isFault = /^(event|redis|postgres|broker|crash|graceful shutdown|forced shutdown)\b/

export function reportOf(totals: Totals, firstSeed: number, seconds: number): Report {
  const { counts, schedules } = totals
  const picked = (test: (kind: string) => boolean, name: (kind: string) => string) =>
    Object.fromEntries(
      Object.entries(counts)
        .filter(([kind]) => test(kind))
        .map(([kind, count]) => [name(kind), count] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    )
  return {
    firstSeed,
    lastSeed: firstSeed + schedules - 1,
    schedules,
    messages: counts['published'] ?? 0,
    deliveries: counts['received'] ?? 0,
    settled: picked(
      (kind) => kind.startsWith('settled: '),
      (kind) => kind.replace('settled: ', ''),
    ),
    decided: picked(
      (kind) =>
        /^(published: a deletion|published: under|deletion: |tie: |counted|redriven|dead letter: )/.test(
          kind,
        ),
      (kind) => kind,
    ),
    faults: picked(
      (kind) => isFault.test(kind),
      (kind) => kind.replace('event: ', ''),
    ),
    longestSettlingSeconds: totals.longestSettlingMs / 1000,
    seconds: Math.round(seconds * 10) / 10,
    schedulesPerMinute: Math.round((schedules / seconds) * 60),
  }
}

const number = (value: number) => value.toLocaleString('en-US')

/** The report's rows: what, and how much. */
export function rowsOf(report: Report): [string, string][] {
  const each = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([kind, count]): [string, string] => [kind, number(count)])
  const settled = Object.entries(report.settled).map(([kind, count]) => `${number(count)} ${kind}`)
  return [
    ['schedules', number(report.schedules)],
    ['seeds', `${report.firstSeed} to ${report.lastSeed}`],
    ['messages', number(report.messages)],
    ['deliveries', number(report.deliveries)],
    ['settled', settled.join(', ')],
    ['longest settling after the last fault', `${report.longestSettlingSeconds} s of virtual time`],
    ['took', `${number(report.seconds)} s, ${number(report.schedulesPerMinute)} schedules a minute`],
    ...each(report.decided),
    ...each(report.faults),
  ]
}

/** For docs/RELIABILITY.md. */
export function markdownOf(report: Report): string {
  const lines = rowsOf(report).map(([what, much]) => `| ${what} | ${much} |`)
  return ['| | |', '|---|---|', ...lines].join('\n')
}
