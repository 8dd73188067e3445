import pg from 'pg'
import type { PostgresTable, Scalar } from '#core/pipeline.ts'
import { restOf } from '#core/pipeline.ts'
import { arrayLiteral } from '../array-literal.ts'
import { givenRows, selected } from '../column-sql.ts'
import type { Connections } from '../connection-pool.ts'
import { existingRowSql } from '../existing-row.ts'
import { quotedTable } from '../identifier.ts'
import type { LockWaits } from '../lock-wait.ts'
import { limitedWait } from '../lock-wait.ts'
import { runOn } from '../session.ts'
import { runAndRollBack } from '../statement.ts'
import { statementName } from '../upsert.ts'

/** Tries whether a table takes a row that it has, as if it were new, and changes nothing. */
export class RetakenRows<R> {
  readonly #pool: Connections
  readonly #table: PostgresTable<R>
  readonly #wait: string
  readonly #text: string

  constructor(pool: Connections, table: PostgresTable<R>, waits: LockWaits) {
    this.#pool = pool
    this.#table = table
    this.#wait = waits.usual
    this.#text = insertSql(table)
  }

  /** @throws WriteFailure where the table does not take it */
  async retake(row: R): Promise<void> {
    const values = this.#table.columns.map((column) => column.of(row))
    await this.#rolledBack((client) => this.#insert(client, values))
  }

  /**
   * @returns false where there is no row to try
   * @throws WriteFailure where the table does not take it
   */
  async rewriteExistingRow(): Promise<boolean> {
    const text = existingRowSql(this.#table)
    return this.#rolledBack(async (client) => {
      const existing = { name: statementName('existing', text), text, rowMode: 'array' as const }
      const { rows } = await runOn<string[]>(client, existing)
      if (rows[0]) await this.#insert(client, rows[0])
      return rows.length > 0
    })
  }

  async #insert(client: pg.PoolClient, values: readonly Scalar[]): Promise<void> {
    const parameters = [...values.map((value) => arrayLiteral([value])), this.#wait]
    const statement = { name: statementName('retaken', this.#text), text: this.#text, values: parameters }
    await runOn(client, statement).catch((error: unknown) => {
      // The row is there once, and what would make two of it one has checked all else before.
      if (!(error instanceof pg.DatabaseError) || !unique.has(error.code ?? '')) throw error
    })
  }

  #rolledBack<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const { name } = this.#table
    return runAndRollBack(this.#pool, work, `table ${name}`, name)
  }
}

/** Of a unique index, of an exclusion constraint. */
const unique = new Set(['23505', '23P01'])

/** Adds nothing to a sum: near its limit it has no room, which is no fault of the row's. */
function insertSql<R>(table: PostgresTable<R>): string {
  const { name, columns, key } = table
  const names = columns.map((column) => pg.escapeIdentifier(column.name))
  const conflict = key.map((one) => pg.escapeIdentifier(one)).join(', ')
  const same = restOf(table).map((column) => {
    const quoted = pg.escapeIdentifier(column.name)
    return `${quoted} = t.${quoted}`
  })
  return [
    `INSERT INTO ${quotedTable(name)} AS t (${names.join(', ')})`,
    `SELECT ${columns.map((column) => selected(column)).join(', ')}`,
    `FROM ${givenRows(columns)} WHERE ${limitedWait(`$${columns.length + 1}`)}`,
    ...(table.mode === 'sum' ? [`ON CONFLICT (${conflict}) DO UPDATE SET ${same.join(', ')}`] : []),
  ].join('\n')
}
