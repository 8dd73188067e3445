import type pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { PostgresTable, Scalar } from '#core/pipeline.ts'
import type { LockWait, Sink, Stored } from '#core/sink.ts'
import type { Connections } from './connection-pool.ts'
import { arrayLiteral } from './array-literal.ts'
import type { TableStatements } from './examined-table.ts'
import { ExaminedTable, keptSetting } from './examined-table.ts'
import { lockWaits } from './lock-wait.ts'
import { LockedRows } from './locked-rows.ts'
import { neededSink } from './needed-tables.ts'
import { orRefusedValue } from './refused-value.ts'
import { runOn } from './session.ts'
import { existingRowSql } from './existing-row.ts'
import { runAndRollBack } from './statement.ts'
import { lookSql, statementName, upsertSql } from './upsert.ts'

/** Writes records into a table that keeps the newest of each key: one prepared statement a batch. */
export class TableWriter<R = unknown> implements Sink<R> {
  readonly #pool: Connections
  readonly #table: PostgresTable<R>
  readonly #examined: ExaminedTable
  readonly #locked: LockedRows<R>

  constructor(pool: Connections, table: PostgresTable<R>, waits = lockWaits) {
    this.#pool = pool
    this.#table = table
    const statements: TableStatements = {
      name: 'upsert',
      insert: (condition) => upsertSql(table, { condition }),
      countingInsert: upsertSql(table, { countKeptIn: keptSetting }),
      look: lookSql(table),
      parameters: table.columns.length,
    }
    this.#examined = new ExaminedTable(pool, neededSink(table), statements, waits)
    this.#locked = new LockedRows(pool, table)
  }

  async write(records: readonly KeyedRecord<R>[], wait?: LockWait): Promise<Stored> {
    try {
      return { written: await this.#examined.write(this.#parameters(records), records.length, wait) }
    } catch (failure) {
      throw await this.blamed(failure, records)
    }
  }

  /** What a failed write shows: of a record alone, which of its values is to blame. */
  async blamed(failure: unknown, records: readonly KeyedRecord<R>[]): Promise<unknown> {
    const [record, ...others] = records
    if (!record || others.length > 0) return failure
    return orRefusedValue(failure, this.#pool, this.#table, record.row)
  }

  /** As {@link ExaminedTable.writeWithin}. */
  writeWithin(
    client: pg.PoolClient,
    records: readonly KeyedRecord<R>[],
    wait: LockWait,
  ): Promise<number | undefined> {
    return this.#examined.writeWithin(client, this.#parameters(records), records.length, wait)
  }

  /** As {@link ExaminedTable.again}. */
  again<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    return this.#examined.again(attempt)
  }

  locked(records: readonly KeyedRecord<R>[]): Promise<readonly KeyedRecord<R>[]> {
    return this.#locked.among(records)
  }

  async rewriteExistingRow(): Promise<boolean> {
    const { name } = this.#table
    const text = existingRowSql(this.#table)
    const rewrite = async (client: pg.PoolClient) => {
      const { rows } = await runOn<string[]>(client, {
        name: statementName('existing', text),
        text,
        rowMode: 'array',
      })
      return rows.length > 0 && (await this.#examined.rehearse(client, this.#parametersOf(rows)))
    }
    return runAndRollBack(this.#pool, rewrite, `table ${name}`, name)
  }

  #parameters(records: readonly KeyedRecord<R>[]): string[] {
    return this.#table.columns.map((column) => arrayLiteral(records.map(({ row }) => column.of(row))))
  }

  /** Of rows in the order of the table's columns. */
  #parametersOf(rows: readonly (readonly Scalar[])[]): string[] {
    return this.#table.columns.map((_, column) => arrayLiteral(rows.map((row) => row[column] ?? null)))
  }
}
