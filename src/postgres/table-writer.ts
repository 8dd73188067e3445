import type pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { Writer } from '#core/writer.ts'
import type { Scalar } from './array-literal.ts'
import { arrayLiteral } from './array-literal.ts'
import { standingRowSql } from './standing-row.ts'
import { runAndRollBack, runStatement } from './statement.ts'
import { upsertSql } from './upsert.ts'

/** Writes records into a table that keeps the newest of each key: one prepared statement a batch. */
export class TableWriter implements Writer {
  readonly #pool: pg.Pool
  readonly #table: PostgresTable
  readonly #text: string
  readonly #where: string

  constructor(pool: pg.Pool, table: PostgresTable) {
    this.#pool = pool
    this.#table = table
    this.#text = upsertSql(table)
    this.#where = `table ${table.name}`
  }

  async write(records: readonly KeyedRecord[]): Promise<number> {
    const statement = this.#upsert(records.map(({ values }) => values))
    return runStatement(this.#pool, statement, this.#where, this.#table.name)
  }

  async rewriteStanding(): Promise<boolean> {
    const { name } = this.#table
    const text = standingRowSql(this.#table)
    const rewrite = async (client: pg.PoolClient) => {
      const { rows } = await client.query<string[]>({ name: `standing_${name}`, text, rowMode: 'array' })
      if (rows.length > 0) await client.query(this.#upsert(rows))
      return rows.length > 0
    }
    return runAndRollBack(this.#pool, rewrite, this.#where, name)
  }

  /** Of rows in the order of the table's columns. */
  #upsert(rows: readonly (readonly Scalar[])[]): pg.QueryConfig {
    const values = this.#table.columns.map((_, column) =>
      arrayLiteral(rows.map((row) => row[column] ?? null)),
    )
    return { name: `upsert_${this.#table.name}`, text: this.#text, values }
  }
}
