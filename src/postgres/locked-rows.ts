import pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { columnNamed } from '#core/pipeline.ts'
import { arrayLiteral } from './array-literal.ts'
import { parameter, selected } from './column-sql.ts'
import type { Connections } from './connection-pool.ts'
import { quotedTable } from './identifier.ts'
import { orLockedTable } from './lock-wait.ts'
import { runOn } from './session.ts'
import { runAndRollBack } from './statement.ts'
import { statementName } from './upsert.ts'

/** Sees which rows of a table other transactions hold. */
export class LockedRows<R> {
  readonly #pool: Connections
  readonly #table: PostgresTable<R>
  readonly #text: string

  constructor(pool: Connections, table: PostgresTable<R>) {
    this.#pool = pool
    this.#table = table
    this.#text = lockedRowsSql(table)
  }

  /**
   * Those of the records whose rows are held.
   *
   * @throws WriteFailure
   */
  async among(records: readonly KeyedRecord<R>[]): Promise<readonly KeyedRecord<R>[]> {
    const { name, key } = this.#table
    const values = key.map((one) => {
      const column = columnNamed(this.#table, one)
      return arrayLiteral(records.map(({ row }) => column.of(row)))
    })
    const statement = { name: statementName('locked', this.#text), text: this.#text, values }
    // Rolled back, so that there is no commit that waits for a standby.
    const look = async (client: pg.PoolClient) => {
      const { rows } = await runOn<[number]>(client, { ...statement, rowMode: 'array' })
      return rows.flatMap(([position]) => records[position - 1] ?? [])
    }
    try {
      return await runAndRollBack(this.#pool, look, `table ${name}`)
    } catch (failure) {
      throw await orLockedTable(failure, this.#pool, name)
    }
  }
}

/**
 * Which of some keys another transaction holds: those that are there and that a lock passes over. One array parameter a
 * key column, in the key's order; each row of the answer is a position, from 1.
 *
 * The lock is the one that the upsert takes: it goes with the locks of foreign keys that refer to the row.
 */
export function lockedRowsSql(sink: PostgresTable): string {
  const table = quotedTable(sink.name)
  const columns = sink.key.map((name) => columnNamed(sink, name))
  const names = columns.map(({ name }) => pg.escapeIdentifier(name)).join(', ')
  const values = columns.map((column) => `${selected(column)} AS ${pg.escapeIdentifier(column.name)}`)
  // A user's table or column may have any name, and names of the query's own would hide it.
  return [
    `WITH "ingester wanted" AS MATERIALIZED (`,
    `  SELECT ${values.join(', ')}, r."ingester position"`,
    `  FROM unnest(${columns.map(parameter).join(', ')}) WITH ORDINALITY AS r(${names}, "ingester position")),`,
    `"ingester free" AS MATERIALIZED (`,
    `  SELECT w."ingester position" FROM "ingester wanted" AS w JOIN ${table} AS t USING (${names})`,
    `  FOR NO KEY UPDATE OF t SKIP LOCKED)`,
    `SELECT w."ingester position"::integer FROM "ingester wanted" AS w JOIN ${table} AS t USING (${names})`,
    `WHERE w."ingester position" NOT IN (SELECT "ingester position" FROM "ingester free")`,
  ].join('\n')
}
