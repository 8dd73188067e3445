// What the statements do that count records once, as the real server does it: `src/postgres/applied/`.
import { restOf } from '#core/pipeline.ts'
import { elementsOf } from './array-literal.ts'
import { databaseError } from './postgres-errors.ts'
import type { LockName } from './postgres-locks.ts'
import type { RowLayout, StoredRow } from './postgres-rows.ts'
import { refusalOf } from './postgres-rows.ts'
import type { Parameters, Result, Surroundings } from './postgres-result.ts'
import { one } from './postgres-result.ts'
import type { Transaction } from './postgres-transaction.ts'

const dayLengthMs = 86_400_000
/** Parameters before those of the table's columns. */
const own = 11

/** A record of a statement. */
interface Given {
  readonly at: number
  /** The same of two records where they are the same. */
  readonly identity: string
  readonly isRequest: boolean
  readonly publishedMs: number
  readonly isLate: boolean
}

/** The first and the last day there are, with the end of that; neither where there is none of today. */
interface Days {
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
}

function daysOf({ days, nowMs }: Transaction): Days {
  if (!days.includes(dayOf(nowMs))) return { sinceMs: undefined, untilMs: undefined }
  const [first, last] = [days[0], days.at(-1)]
  return { sinceMs: first, untilMs: last === undefined ? undefined : last + dayLengthMs }
}

const dayOf = (ms: number) => Math.floor(ms / dayLengthMs) * dayLengthMs
const intervalMs = (text: unknown) => Number.parseInt(String(text), 10)

function identityOf(
  pipeline: unknown,
  id: string | null,
  publishedMs: number | null,
  index: unknown,
): string {
  return JSON.stringify([pipeline, id, publishedMs, Number(index)])
}

function givenOf(given: Parameters, transaction: Transaction): Given[] {
  const [positions, requests, messageIds, published, indexes] = given
    .slice(0, 5)
    .map((literal) => elementsOf(literal))
  const [pipeline, horizon] = given.slice(5)
  const horizonStartMs = transaction.nowMs - intervalMs(horizon)
  const { sinceMs = -Infinity } = daysOf(transaction)
  return (positions ?? []).map((position, i) => {
    const [request = null, messageId = null] = [requests?.[i], messageIds?.[i]]
    const publishedMs = Number(published?.[i])
    const isRequest = request !== null
    const identity = identityOf(pipeline, request ?? messageId, isRequest ? null : publishedMs, indexes?.[i])
    const isLate = publishedMs < Math.max(horizonStartMs, sinceMs)
    return { at: Number(position), identity, isRequest, publishedMs, isLate }
  })
}

function isReady(all: readonly Given[], transaction: Transaction): boolean {
  const { untilMs } = daysOf(transaction)
  return untilMs !== undefined && all.every((one) => one.isRequest || one.publishedMs < untilMs)
}

/** Those that are to have their effect: the rest is late, there, or the same once more. */
function newOf(all: readonly Given[], transaction: Transaction): Given[] {
  const seen = new Set<string>()
  return all.filter(({ identity, isLate }) => {
    if (isLate || seen.has(identity) || transaction.applied(identity)) return false
    seen.add(identity)
    return true
  })
}

/** A transaction that enters the same at the same time waits for the other's commit. */
export function identityLocks(given: Parameters, transaction: Transaction): LockName[] {
  return givenOf(given, transaction).map(({ identity }) => `identity ${identity}` as const)
}

/** Of the identities, and of the rows that grow. */
export function locksOfSums(given: Parameters, transaction: Transaction, layout: RowLayout): LockName[] {
  const all = givenOf(given, transaction)
  const rows = layout.rowsOf(given.slice(own))
  const grow = newOf(all, transaction).map((one) => `row ${rows[all.indexOf(one)]?.key}` as const)
  return [...identityLocks(given, transaction), ...grow]
}

export const waitOfIdentities = (given: Parameters) => given[own - 4]

/** @param place gives the new records their effect, each row of the batch by its place in it */
function count(
  given: Parameters,
  transaction: Transaction,
  place: (fresh: readonly number[]) => number,
  effectOf: (at: number) => readonly string[],
  valuesOf: (at: number) => readonly (string | null)[],
): Result {
  const all = givenOf(given, transaction)
  const ready = isReady(all, transaction)
  const fresh = ready ? newOf(all, transaction) : []
  const placed = place(fresh.map((one) => all.indexOf(one)))
  for (const record of fresh) {
    const at = all.indexOf(record)
    const dayMs = record.isRequest ? undefined : dayOf(record.publishedMs)
    const applied = { effect: effectOf(at), firstUsedMs: transaction.nowMs, dayMs }
    transaction.apply(record.identity, applied, valuesOf(at))
  }
  const { sinceMs } = daysOf(transaction)
  return one({
    placed,
    expected: placed,
    ready,
    sink: null,
    messages: null,
    requests: null,
    since: sinceMs === undefined ? null : new Date(sinceMs),
    late: all.filter(({ isLate }) => isLate).map(({ at }) => at),
    duplicates: all.filter((one) => !one.isLate && !fresh.includes(one)).map(({ at }) => at),
  })
}

export function sumRecords(given: Parameters, transaction: Transaction, surroundings: Surroundings): Result {
  const { table, layout } = surroundings
  const rows = layout.rowsOf(given.slice(own))
  const valuesAt = (at: number) => rows[at]?.values ?? []
  const place = (fresh: readonly number[]) => {
    const groups = Map.groupBy(
      fresh.map((at) => rows[at] as StoredRow),
      ({ key }) => key,
    )
    // In the order of the keys, so that it is the same row that fails first.
    const ordered = [...groups].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const sums = ordered.map(([key, some]) => {
      const before = transaction.row(key)
      const sum = sumOf(table, some, before)
      check(sum, before === undefined, surroundings)
      return sum
    })
    for (const row of sums) transaction.place(row)
    return sums.length
  }
  return count(given, transaction, place, (at) => valuesAt(at).map(String), valuesAt)
}

const greatest = 2n ** 63n - 1n

const isInRange = (sum: bigint) => sum <= greatest && sum >= -greatest - 1n

/** @throws pg.DatabaseError where it is no bigint, as also what is added has to be */
function inRange(sum: bigint): bigint {
  if (!isInRange(sum)) throw databaseError('22003')
  return sum
}

/** Records that have not counted, and would make a sum that is no bigint. */
export function withoutRoom(
  given: Parameters,
  transaction: Transaction,
  { table, layout }: Surroundings,
): Result {
  const [positions, requests, messageIds, published, indexes] = given
    .slice(0, 5)
    .map((literal) => elementsOf(literal))
  const sums = new Set(restOf(table).map((column) => table.columns.indexOf(column)))
  const rows = layout.rowsOf(given.slice(6)).flatMap(({ key, values }, i) => {
    const [request = null, messageId = null] = [requests?.[i], messageIds?.[i]]
    const publishedMs = request === null ? Number(published?.[i]) : null
    const before = transaction.row(key)
    const hasCounted = transaction.applied(
      identityOf(given[5], request ?? messageId, publishedMs, indexes?.[i]),
    )
    const isBeyond = [...sums].some(
      (at) => before && !isInRange(BigInt(before.values[at] ?? 0) + BigInt(values[at] ?? 0)),
    )
    return isBeyond && !hasCounted ? [{ at: Number(positions?.[i]) }] : []
  })
  return { rowCount: rows.length, rows }
}

/** @throws pg.DatabaseError where it is no bigint */
function sumOf(
  table: Surroundings['table'],
  rows: readonly StoredRow[],
  before: StoredRow | undefined,
): StoredRow {
  const [first] = rows as [StoredRow]
  const summed = new Set<unknown>(restOf(table))
  const values = table.columns.map((column, i) => {
    if (!summed.has(column)) return first.values[i] ?? null
    const added = inRange(rows.reduce((total, row) => total + BigInt(row.values[i] ?? 0), 0n))
    const sum = inRange(added + BigInt(before?.values[i] ?? 0))
    return String(sum)
  })
  return { key: first.key, version: 0n, content: '', values }
}

/** @throws pg.DatabaseError where a row is refused, or is new and refers to what is gone */
function check(row: StoredRow, isNew: boolean, { table, parentsLost }: Surroundings): void {
  const code = refusalOf(row)
  if (code !== undefined) throw databaseError(code, table.name)
  if (parentsLost && isNew) throw databaseError('23503', table.name)
}

export function appendRecords(
  given: Parameters,
  transaction: Transaction,
  surroundings: Surroundings,
): Result {
  const digests = elementsOf(given[own] ?? '{}')
  const rows = surroundings.layout.rowsOf(given.slice(own + 1))
  const place = (fresh: readonly number[]) => {
    const appended = fresh.map((at) => ({ ...(rows[at] as StoredRow), key: transaction.nextKey() }))
    for (const row of appended) {
      check(row, true, surroundings)
      transaction.place(row)
    }
    return appended.length
  }
  const effectOf = (at: number) => [String(digests[at])]
  return count(given, transaction, place, effectOf, (at) => rows[at]?.values ?? [])
}

/** A row that was stored, as if it were new; the transaction is rolled back. */
export function retake(given: Parameters, transaction: Transaction, surroundings: Surroundings): Result {
  const { table, layout } = surroundings
  const rows = layout.rowsOf(given)
  for (const row of rows) check(row, table.mode !== 'sum' || !transaction.row(row.key), surroundings)
  return { rowCount: rows.length, rows: [] }
}

export function lookUpReused(given: Parameters, transaction: Transaction): Result {
  const [pipeline] = given
  const [positions, requests, messageIds, published, indexes] = given
    .slice(1, 6)
    .map((literal) => elementsOf(literal))
  const rows = (positions ?? []).flatMap((at, i) => {
    const [request = null, messageId = null] = [requests?.[i], messageIds?.[i]]
    const publishedMs = request === null ? Number(published?.[i]) : null
    const applied = transaction.applied(identityOf(pipeline, request ?? messageId, publishedMs, indexes?.[i]))
    const since = request === null ? null : new Date(applied?.firstUsedMs ?? 0)
    return applied ? [{ at: Number(at), effect: applied.effect, since }] : []
  })
  return { rowCount: rows.length, rows }
}

/** `keep_applied_days` of the migration. */
export function keepDays([horizon]: readonly unknown[], transaction: Transaction): Result {
  const today = dayOf(transaction.nowMs)
  const beginMs = transaction.nowMs - intervalMs(horizon)
  const [oldest, newest] = [transaction.days[0], transaction.days.at(-1)]
  let day = newest === undefined ? dayOf(beginMs) - dayLengthMs : newest + dayLengthMs
  for (; day <= today + 2 * dayLengthMs; day += dayLengthMs) transaction.attachDay(day)
  for (let old = oldest ?? Infinity; old + 2 * dayLengthMs <= beginMs; old += dayLengthMs)
    transaction.dropDay(old)
  return { rowCount: 1, rows: [{}] }
}

export function knownDays(transaction: Transaction): Result {
  const { sinceMs, untilMs } = daysOf(transaction)
  const dateOf = (ms: number | undefined) => (ms === undefined ? null : new Date(ms))
  return one({ since: dateOf(sinceMs), until: dateOf(untilMs) })
}

/** Of requests that are no longer repeated. */
export function sweepRequests([, window]: readonly unknown[], transaction: Transaction): Result {
  const { sinceMs = -Infinity } = daysOf(transaction)
  const beforeMs = sinceMs - intervalMs(window) - marginMs
  const old = [...transaction.identities].filter(
    ([, { dayMs, firstUsedMs }]) => dayMs === undefined && firstUsedMs < beforeMs,
  )
  for (const [identity] of old) transaction.forget(identity)
  return { rowCount: old.length, rows: [] }
}

/** As the statement has it. */
const marginMs = 3_600_000
