import type pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { Writer } from '#core/writer.ts'
import type { Scalar } from './array-literal.ts'
import { arrayLiteral } from './array-literal.ts'
import { ExaminedTable, keptSetting } from './examined-table.ts'
import { neededSink } from './needed-tables.ts'
import { runOn } from './session.ts'
import { standingRowSql } from './standing-row.ts'
import { runAndRollBack } from './statement.ts'
import { lookSql, upsertSql } from './upsert.ts'

/** Writes records into a table that keeps the newest of each key: one prepared statement a batch. */
export class TableWriter implements Writer {
  readonly #pool: pg.Pool
  readonly #table: PostgresTable
  readonly #examined: ExaminedTable

  constructor(pool: pg.Pool, table: PostgresTable) {
    this.#pool = pool
    this.#table = table
    this.#examined = new ExaminedTable(pool, neededSink(table), {
      name: `upsert_${table.name}`,
      insert: (condition) => upsertSql(table, { condition }),
      countingInsert: upsertSql(table, { countKeptIn: keptSetting }),
      look: lookSql(table),
      parameters: table.columns.length,
    })
  }

  async write(records: readonly KeyedRecord[]): Promise<number> {
    return this.#examined.write(this.#parametersOf(records.map(({ values }) => values)), records.length)
  }

  async rewriteStanding(): Promise<boolean> {
    const { name } = this.#table
    const text = standingRowSql(this.#table)
    const rewrite = async (client: pg.PoolClient) => {
      const { rows } = await runOn<string[]>(client, { name: `standing_${name}`, text, rowMode: 'array' })
      return rows.length > 0 && (await this.#examined.rehearse(client, this.#parametersOf(rows)))
    }
    return runAndRollBack(this.#pool, rewrite, `table ${name}`, name)
  }

  /** Of rows in the order of the table's columns. */
  #parametersOf(rows: readonly (readonly Scalar[])[]): string[] {
    return this.#table.columns.map((_, column) => arrayLiteral(rows.map((row) => row[column] ?? null)))
  }
}
