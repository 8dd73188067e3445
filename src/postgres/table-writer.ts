import type pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { Writer } from '#core/writer.ts'
import { arrayLiteral } from './array-literal.ts'
import { runStatement } from './statement.ts'
import { upsertSql } from './upsert.ts'

/** Writes records into a table that keeps the newest of each key: one prepared statement a batch. */
export class TableWriter implements Writer {
  readonly #pool: pg.Pool
  readonly #table: PostgresTable
  readonly #text: string

  constructor(pool: pg.Pool, table: PostgresTable) {
    this.#pool = pool
    this.#table = table
    this.#text = upsertSql(table)
  }

  async write(records: readonly KeyedRecord[]): Promise<number> {
    const values = this.#table.columns.map((_, column) =>
      arrayLiteral(records.map((record) => record.values[column] ?? null)),
    )
    const name = `upsert_${this.#table.name}`
    return runStatement(this.#pool, { name, text: this.#text, values }, `table ${this.#table.name}`)
  }
}
