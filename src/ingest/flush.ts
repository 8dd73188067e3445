import type { Cache, Verdict } from '#core/cache.ts'
import { refusedBySink } from '#core/dead-letter.ts'
import { engineRules } from '#core/ignored.ts'
import type { Observer, Step } from '#core/observer.ts'
import type { WriteFailure } from '#core/write-failure.ts'
import type { LockWait, Sink, Stored } from '#core/sink.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Arrival, Entry } from './entry.ts'
import type { Ledger } from './ledger.ts'

/** What a flush works with. */
export interface FlushPorts {
  readonly cache: Cache
  readonly sink: Sink
  readonly ledger: Ledger
  readonly observer: Observer
  readonly clock: Clock
}

/** What was committed, and for how many of its entries something changed. */
export interface Written {
  readonly entries: readonly Entry[]
  readonly placed: number
  /** What the sink refused beside them, for its own sake. */
  readonly refused: readonly RefusedEntry[]
}

/** The batch that is flushed, as the flush knows it. */
export interface FlushedBatch {
  /** Names its claims; kept over its retries. */
  readonly token: string
  /** Sets an entry aside that another process is writing; false: it has waited enough. */
  readonly park: (entry: Entry) => boolean
  /** Takes back arrivals that are neither newer nor older than one that was settled: it is their turn. */
  readonly readmit: (arrivals: readonly Arrival[]) => void
}

export interface RefusedEntry {
  readonly entry: Entry
  readonly failure: WriteFailure
  /** Of its dead letter. */
  readonly reason: string
}

/**
 * Writes entries of distinct keys and settles their deliveries. The order is the product's one rule, only a
 * committed fact may justify an ack, and it stands here alone:
 *
 *   1 begin    ask the cache: stale ones are settled, busy ones may wait, the rest is claimed
 *   2 write    one statement; returns after its commit
 *   3 confirm  tell the cache; its answer is not awaited
 *   4 settle   ack
 *
 * Raising the watermark before the commit would lose a row to a crash in between; acking an older record because a
 * newer one is on its way would lose both when that one fails.
 *
 * @returns what was written: neither the stale nor the parked
 * @throws WriteFailure of step 2, with the claims released
 */
export async function flush(
  entries: readonly Entry[],
  { token, park, readmit }: FlushedBatch,
  ports: FlushPorts,
  wait: LockWait = 'usual',
): Promise<Written> {
  const { cache, sink, ledger, observer } = ports
  const step = stopwatch(ports)

  const asked = entries.map(recordOf)
  const begun = await cache.begin(asked, token)
  step('begin')
  const { fresh, stale, busy } = byVerdict(entries, begun.verdicts)
  settleStale(stale, ledger)
  readmitTied(stale, readmit)
  // Another process's write may yet fail: its claim is a reason to wait a little, never one to ack.
  const due = [...fresh, ...busy.filter((entry) => !park(entry))]
  if (due.length === 0) return { entries: [], placed: 0, refused: [] }

  // The cache has the columns of the records that it was asked about.
  const records = fresh === entries ? asked : due.map(recordOf)
  observer.batchSealed?.(records.length)
  let stored: Stored
  try {
    stored = await sink.write(records, wait)
  } catch (failure) {
    await begun.release(records)
    throw failure
  }
  step('write')
  const { taken, refused, ignored } = byAnswer(due, stored)
  if (taken.length > 0) observer.committed?.(oldestAgeSeconds(taken, ports.clock))

  const isWhole = taken.length === records.length
  void begun.confirm(isWhole ? records : taken.map(recordOf))
  if (!isWhole) await begun.release([...refused.map(({ entry }) => entry), ...ignored].map(recordOf))
  step('confirm')

  settleCommitted(taken, duplicatesAmong(due, stored), stored, ledger)
  readmitTied(taken, readmit)
  if (ignored.length > 0) settleIgnored(ignored, ports, readmit)
  step('settle')
  return { entries: taken, placed: stored.written, refused }
}

interface Answered {
  readonly taken: readonly Entry[]
  readonly refused: readonly RefusedEntry[]
  readonly ignored: readonly Entry[]
}

/** What the sink took, what it refused, and what it ignored. */
function byAnswer(due: readonly Entry[], { refused = [], ignored = [] }: Stored): Answered {
  if (refused.length === 0 && ignored.length === 0) return { taken: due, refused: [], ignored: [] }
  const failures = new Map(refused.map((one) => [due[one.at], one]))
  const late = new Set(ignored.flatMap((at) => due[at] ?? []))
  return {
    taken: due.filter((entry) => !failures.has(entry) && !late.has(entry)),
    ignored: [...late],
    refused: due.flatMap((entry) => {
      const found = failures.get(entry)
      return found ? [{ entry, failure: found.failure, reason: found.reason ?? refusedBySink }] : []
    }),
  }
}

/** Where all are fresh, as most often, these are the entries themselves. A record without a verdict counts as fresh. */
function byVerdict(
  entries: readonly Entry[],
  said: readonly Verdict[],
): Readonly<Record<Verdict, readonly Entry[]>> {
  if (said.every((verdict) => verdict === 'fresh')) return { fresh: entries, stale: [], busy: [] }
  const groups: Record<Verdict, Entry[]> = { fresh: [], stale: [], busy: [] }
  for (const [i, entry] of entries.entries()) groups[said[i] ?? 'fresh'].push(entry)
  return groups
}

function recordOf(entry: Entry) {
  return entry.winner.record
}

function winnerOf(entry: Entry): Arrival {
  return entry.winner
}

function settleStale(entries: readonly Entry[], ledger: Ledger): void {
  ledger.settle(entries.map(winnerOf), 'stale')
  settleLosers(entries, ledger)
}

/** Those whose effect was there before. */
function duplicatesAmong(due: readonly Entry[], { duplicates = [] }: Stored): ReadonlySet<Entry> {
  return new Set(duplicates.flatMap((at) => due[at] ?? []))
}

/** Of versions the sink says how many rows it placed, not which; the names differ in the counters only. */
function settleCommitted(
  entries: readonly Entry[],
  duplicates: ReadonlySet<Entry>,
  { written }: Stored,
  ledger: Ledger,
): void {
  const others = duplicates.size > 0 ? entries.filter((entry) => !duplicates.has(entry)) : entries
  const winners = others.map(winnerOf)
  if (written === winners.length) ledger.settle(winners, 'written')
  else {
    ledger.settle(winners.slice(0, written), 'written')
    ledger.settle(winners.slice(written), 'stale')
  }
  if (duplicates.size > 0) ledger.settle([...duplicates].map(winnerOf), 'duplicate')
  settleLosers(entries, ledger)
}

/** What was settled says nothing about them: equal in version, they may yet be what stays. */
function readmitTied(entries: readonly Entry[], readmit: FlushedBatch['readmit']): void {
  for (const { tied } of entries) if (tied.length > 0) readmit(tied)
}

/** Those that they have replaced are of other messages, which may have come in time. */
function settleIgnored(
  entries: readonly Entry[],
  { ledger, observer }: FlushPorts,
  readmit: FlushedBatch['readmit'],
): void {
  // A forced shutdown may have nacked some meanwhile.
  const winners = entries.map(winnerOf).filter((winner) => ledger.isOpen(winner))
  if (winners.length > 0) observer.ignored?.(engineRules.expired, winners.length)
  ledger.settle(winners, 'ignored')
  for (const { losers, tied } of entries) readmit([...losers, ...tied])
}

function settleLosers(entries: readonly Entry[], ledger: Ledger): void {
  const losers: Arrival[] = []
  for (const { losers: some } of entries) if (some.length > 0) for (const loser of some) losers.push(loser)
  if (losers.length > 0) ledger.settle(losers, 'coalesced')
}

function oldestAgeSeconds(entries: readonly Entry[], clock: Clock): number {
  let oldest = Infinity
  for (const { winner } of entries) oldest = Math.min(oldest, winner.delivery.publishTimeMs)
  return Math.max(0, clock.unixMs() - oldest) / 1000
}

/** Reports the time since the previous step. */
function stopwatch({ clock, observer }: FlushPorts): (step: Step) => void {
  let since = clock.now()
  return (step) => {
    const now = clock.now()
    observer.stepTimed?.(step, (now - since) / 1000)
    since = now
  }
}
