import type pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Column, PostgresTable } from '#core/pipeline.ts'
import { columnNamed } from '#core/pipeline.ts'
import type { LockWait, Sink, Stored } from '#core/sink.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { arrayLiteral } from './array-literal.ts'
import type { Connections } from './connection-pool.ts'
import { deleteRowsSql, deletionColumns, expiredRowsSql, undeletedSql } from './delete-rows.ts'
import type { Guarded } from './key-guards.ts'
import { KeyGuards, guardKey, guardsAsTable } from './key-guards.ts'
import type { LockWaits } from './lock-wait.ts'
import { lockWaits, orLockedTable } from './lock-wait.ts'
import { lockedRowsSql } from './locked-rows.ts'
import { runOn } from './session.ts'
import { runAndRollBack, runTransaction } from './statement.ts'
import { TableWriter } from './table-writer.ts'
import { statementName } from './upsert.ts'

export interface GuardOptions {
  /** Whose guards they are. */
  readonly pipeline: string
  /**
   * Messages that were published longer ago may be older than a deletion that is forgotten: they change rows, and make none.
   */
  readonly horizonMs: number
}

/** Thrown in a transaction to have it rolled back and begun again: a table is not the one that was examined. */
class Altered extends WriteFailure {
  constructor() {
    super('conflict', 'a table was altered')
  }
}

/**
 * Writes records of which some say that their rows are gone, so that what is deleted stays deleted. Each batch is one
 * transaction:
 *
 *   1 guards   lock the guards of all keys, enter the deletions
 *   2 newer    which rows are newer than every deletion of their keys
 *   3 delete   the rows that are not newer than their deletions
 *   4 upsert   the rows that are, where they are newer than those that stand
 *
 * What it costs beside one statement: docs/BENCHMARKS.md.
 */
export class GuardedTableWriter<R = unknown> implements Sink<R> {
  readonly #pool: Connections
  readonly #table: PostgresTable<R>
  readonly #rows: TableWriter<R>
  readonly #options: GuardOptions
  readonly #waits: LockWaits
  readonly #guards: KeyGuards
  readonly #lockedGuards: string

  constructor(pool: Connections, table: PostgresTable<R>, options: GuardOptions, waits = lockWaits) {
    this.#pool = pool
    this.#table = table
    this.#rows = new TableWriter(pool, table, waits)
    this.#options = options
    this.#waits = waits
    this.#guards = new KeyGuards(options.pipeline)
    this.#lockedGuards = lockedRowsSql(guardsAsTable(options.pipeline))
  }

  async write(records: readonly KeyedRecord<R>[], wait: LockWait = 'usual'): Promise<Stored> {
    const where = `table ${this.#table.name}`
    const attempt = async (): Promise<Stored | undefined> => {
      try {
        return await runTransaction(
          this.#pool,
          (client) => this.#writeWithin(client, records, wait),
          where,
          this.#table.name,
        )
      } catch (error) {
        if (error instanceof Altered) return undefined
        throw error
      }
    }
    try {
      return await this.#rows.again(attempt)
    } catch (failure) {
      const blamed = await this.#rows.blamed(failure, records)
      throw await orLockedTable(blamed, this.#pool, this.#table.name)
    }
  }

  async #writeWithin(
    client: pg.PoolClient,
    records: readonly KeyedRecord<R>[],
    wait: LockWait,
  ): Promise<Stored> {
    const admitted = await this.#guards.admit(client, this.#guarded(records), this.#waits[wait])
    if (!admitted) throw new Altered()
    const at = (positions: readonly number[]) => positions.flatMap((position) => records[position] ?? [])
    const deleted = await this.#delete(client, at(admitted.deletions))
    const newer = at(admitted.rows)
    const expired = await this.#expired(client, newer)
    const rows = expired.size > 0 ? newer.filter((record) => !expired.has(record)) : newer
    const placed = rows.length > 0 ? await this.#rows.writeWithin(client, rows, wait) : 0
    if (placed === undefined) throw new Altered()
    const ignored = records.flatMap((record, index) => (expired.has(record) ? [index] : []))
    // A deletion that was known may have found a row that was put back by other means.
    return { written: placed + Math.max(admitted.entered, deleted), ignored }
  }

  /**
   * Rows that would be new, of messages from beyond the horizon: a newer deletion of their keys may have been forgotten. Also
   * one that is newer than a deletion that is known, since that may have come late itself.
   */
  async #expired(
    client: pg.PoolClient,
    records: readonly KeyedRecord<R>[],
  ): Promise<ReadonlySet<KeyedRecord<R>>> {
    const { horizonMs } = this.#options
    // The server's clock decides, by which guards are removed; ours only tells whether it is worth asking.
    const suspectMs = Date.now() - horizonMs / 2
    const suspects = records.filter(({ guard }) => guard && guard.publishTimeMs < suspectMs)
    if (suspects.length === 0) return new Set()
    const text = expiredRowsSql(this.#table)
    const published = arrayLiteral(suspects.map(({ guard }) => guard?.publishTimeMs ?? null))
    const values = [...this.#valuesOf(this.#keyColumns, suspects), published, `${horizonMs} milliseconds`]
    const { rows } = await runOn<{ at: number }>(client, {
      name: statementName('expired', text),
      text,
      values,
    })
    return new Set(rows.flatMap(({ at }) => suspects[at] ?? []))
  }

  /**
   * @returns how many rows it changed
   * @throws WriteFailure where something keeps a row from being deleted
   */
  async #delete(client: pg.PoolClient, records: readonly KeyedRecord<R>[]): Promise<number> {
    if (records.length === 0) return 0
    const values = this.#valuesOf(deletionColumns(this.#table), records)
    const [text, look] = [deleteRowsSql(this.#table), undeletedSql(this.#table)]
    const { rowCount } = await runOn(client, { name: statementName('delete', text), text, values })
    const { rows } = await runOn<{ left: number }>(client, {
      name: statementName('undeleted', look),
      text: look,
      values,
    })
    if (rows[0]?.left === 0) return rowCount ?? 0
    const what = 'rows are not deleted: a trigger, a rule or a policy of the table prevents it'
    throw new WriteFailure('bad-row', `table ${this.#table.name}: ${what}`, undeletedCode)
  }

  /** Rows that others hold, and keys whose guards they hold. */
  async locked(records: readonly KeyedRecord<R>[]): Promise<readonly KeyedRecord<R>[]> {
    const keys = this.#guarded(records).map(({ key }) => key)
    const values = [arrayLiteral(keys.map(() => this.#options.pipeline)), arrayLiteral(keys)]
    const statement = { name: statementName('locked', this.#lockedGuards), text: this.#lockedGuards, values }
    const look = async (client: pg.PoolClient) => {
      const { rows } = await runOn<[number]>(client, { ...statement, rowMode: 'array' })
      return rows.flatMap(([position]) => records[position - 1] ?? [])
    }
    const guards = await runAndRollBack(this.#pool, look, 'table key_guards')
    return [...new Set([...guards, ...(await this.#rows.locked(records))])]
  }

  rewriteExistingRow(): Promise<boolean> {
    return this.#rows.rewriteExistingRow()
  }

  get #keyColumns(): readonly Column<R>[] {
    return this.#table.key.map((name) => columnNamed(this.#table, name))
  }

  #valuesOf(columns: readonly Column<R>[], records: readonly KeyedRecord<R>[]): string[] {
    return columns.map((column) => arrayLiteral(records.map(({ row }) => column.of(row))))
  }

  #guarded(records: readonly KeyedRecord<R>[]): Guarded[] {
    const key = this.#keyColumns
    return records.map(({ row, guard }) => {
      if (!guard) throw new TypeError('a record without its guard')
      return { ...guard, key: guardKey(key.map((column) => column.of(row))) }
    })
  }
}

/** In place of an SQLSTATE: the server itself reports nothing. */
const undeletedCode = 'undeleted'
