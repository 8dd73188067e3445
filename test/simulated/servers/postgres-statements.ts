import { elementsOf } from './array-literal.ts'
import { databaseError } from './postgres-errors.ts'
import type { LockName } from './postgres-locks.ts'
import type { RowLayout, StoredRow } from './postgres-rows.ts'
import {
  appendRecords,
  identityLocks,
  keepDays,
  knownDays,
  locksOfSums,
  lookUpReused,
  retake,
  sumRecords,
  sweepRequests,
  withoutRoom,
  waitOfIdentities,
} from './postgres-identities.ts'
import { packedVersion, refusalOf } from './postgres-rows.ts'
import type { Parameters, Result, Statement, Surroundings } from './postgres-result.ts'
import { one } from './postgres-result.ts'
import type { Transaction } from './postgres-transaction.ts'

/** What a kind of prepared statement does; `locks` are those that it needs first, and waits for. */
interface Kind {
  readonly locks?: (given: Parameters, transaction: Transaction, layout: RowLayout) => readonly LockName[]
  /** The parameter that says for how long. */
  readonly waits?: (given: Parameters) => string | undefined
  readonly execute: (given: Parameters, transaction: Transaction, surroundings: Surroundings) => Result
}

const kinds: Readonly<Record<string, Kind>> = {
  upsert: {
    locks: (given, _, layout) => layout.rowsOf(given).map(({ key }) => `row ${key}` as const),
    waits: (given) => given.at(-1),
    execute: upsert,
  },
  guard: {
    locks: ([, keys = '{}']) => elementsOf(keys).map((key) => `guard ${key}` as const),
    waits: ([, , , , wait]) => wait,
    execute: lockGuards,
  },
  newer: { execute: newer },
  delete: {
    locks: (...given) => outdated(...given).map(({ key }) => `row ${key}` as const),
    execute: remove,
  },
  undeleted: {
    execute: (given, transaction, { layout }) => one({ left: outdated(given, transaction, layout).length }),
  },
  sum: { locks: locksOfSums, waits: waitOfIdentities, execute: sumRecords },
  append: {
    locks: (given, transaction) => identityLocks(given, transaction),
    waits: waitOfIdentities,
    execute: appendRecords,
  },
  reused: { execute: lookUpReused },
  room: { execute: withoutRoom },
  retaken: { waits: (given) => given.at(-1), execute: retake },
  locked: { execute: lockedPositions },
  existing: { execute: existing },
  store: { execute: storeDeadLetters },
}

/** Which days there are. */
const isDays = ({ text }: Statement) => /^\s*SELECT CASE WHEN bool_or\(now\(\) - day /.test(text)

/** `upsert_0123…` is an upsert. Undefined: it has no name. */
export function kindOf({ name }: Statement): string | undefined {
  return name?.slice(0, name.indexOf('_'))
}

/** The locks that a statement needs, and for how long it waits for each. */
export function locksOf(
  statement: Statement,
  transaction: Transaction,
  layout: RowLayout,
): { readonly names: readonly LockName[]; readonly waitMs: number } {
  const { locks, waits } = kinds[kindOf(statement) ?? ''] ?? {}
  const given = statement.values as Parameters
  const wait = waits?.(given)
  // It is set for the transaction.
  if (wait !== undefined) transaction.lockWaitMs = Number.parseInt(wait, 10)
  return { names: locks?.(given, transaction, layout) ?? [], waitMs: transaction.lockWaitMs }
}

/** @throws pg.DatabaseError */
export function execute(statement: Statement, transaction: Transaction, surroundings: Surroundings): Result {
  const kind = kindOf(statement)
  if (kind !== undefined) {
    const known = kinds[kind]
    if (!known) throw new Error(`no simulated server knows the statement ${statement.name}`)
    return known.execute(statement.values as Parameters, transaction, surroundings)
  }
  if (statement.text.startsWith('SELECT keep_applied_days(')) return keepDays(statement.values, transaction)
  if (isDays(statement)) return knownDays(transaction)
  if (statement.text.startsWith('DELETE FROM applied_requests'))
    return sweepRequests(statement.values, transaction)
  // No table is locked as a whole here.
  if (statement.text.includes('pg_locks')) return { rowCount: 0, rows: [] }
  return one({ epoch: `epoch ${surroundings.epoch}`, shape: null })
}

function upsert(
  given: Parameters,
  transaction: Transaction,
  { table, layout, parentsLost }: Surroundings,
): Result {
  const rows = layout.rowsOf(given)
  const code = rows.map(refusalOf).find((refusal) => refusal !== undefined)
  if (code !== undefined) throw databaseError(code, table.name)
  distinct(rows.map(({ key }) => key))
  const placing = rows.filter((row) => {
    const standing = transaction.row(row.key)
    return !standing || isPlaced(row, standing)
  })
  if (parentsLost && placing.length > 0) throw databaseError('23503', table.name)
  for (const row of placing) transaction.place(row)
  return one({ placed: placing.length, shape: null })
}

/** `WHERE (EXCLUDED.version, content) > (t.version, content)`, text as bytes. */
function isPlaced(row: StoredRow, standing: StoredRow): boolean {
  if (row.version !== standing.version) return row.version > standing.version
  return Buffer.compare(Buffer.from(row.content), Buffer.from(standing.content)) > 0
}

/** @throws pg.DatabaseError where `ON CONFLICT` would meet a row twice */
function distinct(keys: readonly unknown[]): void {
  if (new Set(keys).size < keys.length) throw databaseError('21000')
}

/** Enters the deletions that are newer than those that are remembered; of each key there is a guard then. */
function lockGuards([, keyArray = '{}', versions = '{}']: Parameters, transaction: Transaction): Result {
  const keys = elementsOf(keyArray).map(String)
  distinct(keys)
  const given = elementsOf(versions)
  const entered = keys.filter((key, at) => {
    const version = versionIn(given[at])
    const guard = transaction.guard(key)
    const before = guard?.deletion?.version
    const isNews = version !== undefined && (before === undefined || version > before)
    if (isNews) transaction.enter(key, { deletion: { key, version, content: '', gone: true } })
    else if (!guard) transaction.enter(key, {})
    return isNews
  })
  return one({ shape: null, entered: entered.length })
}

/** Of a `bigint[]` as text. */
function versionIn(ranks: string | null | undefined): bigint | undefined {
  return ranks === null || ranks === undefined
    ? undefined
    : packedVersion(elementsOf(ranks).map((rank) => BigInt(rank ?? 0)))
}

/** Rows that are newer than the deletion of their key, and deletions that are as new. */
function newer(
  [, keys = '{}', versions = '{}', areGone = '{}']: Parameters,
  transaction: Transaction,
): Result {
  const given = elementsOf(versions)
  const gone = elementsOf(areGone)
  const rows = elementsOf(keys).flatMap((key, at) => {
    const [version, guard] = [versionIn(given[at]), transaction.guard(String(key))]
    if (version === undefined || !guard) return []
    const deleted = guard.deletion?.version
    const isNewer = deleted === undefined || version > deleted
    return isNewer || (gone[at] === 'true' && version === deleted) ? [{ at }] : []
  })
  return { rowCount: rows.length, rows }
}

/** The rows that deletions are meant for: they stand, and are not newer. */
function outdated(given: Parameters, transaction: Transaction, layout: RowLayout): StoredRow[] {
  return layout.deletionsOf(given).flatMap(({ key, version }) => {
    const row = transaction.row(key)
    return row && row.version <= version ? [row] : []
  })
}

function remove(given: Parameters, transaction: Transaction, { layout }: Surroundings): Result {
  const rows = outdated(given, transaction, layout)
  for (const { key } of rows) transaction.remove(key)
  return { rowCount: rows.length, rows: [] }
}

/**
 * Those that are there and that others hold: what is being inserted is not seen. The others are locked until the end. The
 * guards are asked for with pipeline and key.
 */
function lockedPositions(
  given: Parameters,
  transaction: Transaction,
  { table, layout }: Surroundings,
): Result {
  const [, guards] = given
  const isOfGuards = given.length > table.key.length
  const names = isOfGuards
    ? elementsOf(guards ?? '{}').map((key) =>
        transaction.guard(String(key)) ? (`guard ${key}` as const) : undefined,
      )
    : layout.keysOf(given).map((key) => (transaction.row(key) ? (`row ${key}` as const) : undefined))
  const positions = names.flatMap((name, at) => {
    if (name === undefined) return []
    if (!transaction.isFree(name)) return [[at + 1]]
    transaction.lock(name)
    return []
  })
  return { rowCount: positions.length, rows: positions }
}

/** Any row that nobody holds, in the order of the columns. */
function existing(_: Parameters, transaction: Transaction, { dice }: Surroundings): Result {
  const free = transaction.keys.filter((key) => transaction.isFree(`row ${key}`))
  const key = free[dice % Math.max(1, free.length)]
  const row = key === undefined ? undefined : transaction.row(key)
  if (!row) return { rowCount: 0, rows: [] }
  transaction.lock(`row ${row.key}`)
  return { rowCount: 1, rows: [row.values] }
}

function storeDeadLetters(given: Parameters, transaction: Transaction): Result {
  const [, subscription, ids = '{}', times = '{}', , attributes = '{}', datas = '{}', reasons = '{}'] = given
  const [timeOf, attributesOf, dataOf, reasonOf] = [times, attributes, datas, reasons].map(elementsOf)
  const messageIds = elementsOf(ids).map(String)
  for (const [at, messageId] of messageIds.entries()) {
    const identity = JSON.stringify([subscription, messageId, timeOf?.[at]])
    const data = Buffer.from(String(dataOf?.[at]).replace('\\x', ''), 'hex').toString()
    transaction.storeDeadLetter(identity, {
      messageId,
      publishTimeMs: Date.parse(String(timeOf?.[at])),
      attributes: JSON.parse(String(attributesOf?.[at])) as Record<string, string>,
      reason: String(reasonOf?.[at]),
      data,
    })
  }
  return one({ placed: messageIds.length, shape: null })
}
