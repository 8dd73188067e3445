import type pg from 'pg'
import type { LockWait } from '#core/sink.ts'
import type { Connections } from './connection-pool.ts'
import { TableExamination, discarded, needsLook } from './examination.ts'
import type { LockWaits } from './lock-wait.ts'
import { limitedWait, orLockedTable } from './lock-wait.ts'
import { tableIdentifier } from './identifier.ts'
import type { NeededTable } from './needed-tables.ts'
import { runOn } from './session.ts'
import { runStatement, runTransaction } from './statement.ts'
import type { TableShape } from './table-shape.ts'
import { statementName } from './upsert.ts'

/** How rows get into a table, and how they are found there. All take the same parameters. */
export interface TableStatements {
  /** What the name of the prepared statement begins with. */
  readonly name: string
  /** An INSERT without RETURNING that writes where the condition holds. */
  readonly insert: (condition: string) => string
  /** The same, unconditional; it counts in {@link keptSetting} the rows that it leaves alone since newer ones stand there. */
  readonly countingInsert: string
  /** Relations of one row: `missing` rows are not there at all, `lost` ones not with the content that they were given. */
  readonly look: string
  readonly parameters: number
}

/** Local to a transaction. */
export const keptSetting = 'ingester.kept'

interface Answer {
  readonly placed: number
  /** Null where it is the one that was expected. */
  readonly shape: string | null
}

interface Look {
  readonly shape: string | null
  readonly kept: number
  readonly missing: number
  readonly lost: number
}

/**
 * A table that is written to only while it keeps what is written, by what its examination says.
 *
 * Where triggers or rules may discard rows, the number of rows placed says nothing: a discarded row counts like one that
 * was not newer. Such a table is written in a transaction that looks for the rows before it commits.
 */
export class ExaminedTable {
  readonly #pool: Connections
  readonly #needed: NeededTable
  readonly #statements: TableStatements
  readonly #waits: LockWaits
  readonly #examination: TableExamination
  readonly #writeText: string
  readonly #name: string
  readonly #lookText: string

  constructor(pool: Connections, needed: NeededTable, statements: TableStatements, waits: LockWaits) {
    this.#pool = pool
    this.#waits = waits
    this.#needed = needed
    this.#statements = statements
    this.#examination = new TableExamination(pool, needed)
    const { sql: shape } = this.#examination
    const expected = `$${statements.parameters + 1}::text`
    const wait = `$${statements.parameters + 2}`
    this.#writeText = `WITH found AS MATERIALIZED (SELECT ${shape} AS shape),
placed AS (
${statements.insert(`(SELECT shape FROM found) = ${expected} AND ${limitedWait(wait)}`)}
RETURNING 1)
SELECT (SELECT count(*)::integer FROM placed) AS placed, (SELECT nullif(shape, ${expected}) FROM found) AS shape`
    this.#name = statementName(statements.name, this.#writeText)
    this.#lookText = `SELECT look.*, current_setting('${keptSetting}')::integer AS kept,
  nullif(${shape}, ${expected}) AS shape
FROM (${statements.look}) AS look`
  }

  /**
   * Resolves after the commit.
   *
   * @param values one for each parameter of the statements
   * @param count of the rows that they make
   * @param wait for a row that another transaction holds
   * @returns how many were placed; the others found newer ones
   * @throws WriteFailure `schema-drift` where the table is not fit, `bad-row` where a trigger or rule has discarded
   *   rows, `locked` where a row was waited for in vain
   */
  async write(values: readonly unknown[], count: number, wait: LockWait = 'usual'): Promise<number> {
    try {
      return await this.#write(values, count, this.#waits[wait])
    } catch (failure) {
      throw await orLockedTable(failure, this.#pool, this.#needed.name)
    }
  }

  async #write(values: readonly unknown[], count: number, wait: string): Promise<number> {
    return this.again(async () => {
      const { placed, shape } = await this.#attempt(values, count, wait)
      return this.#examination.isKnown(shape) ? placed : undefined
    })
  }

  /** As {@link TableExamination.again}. */
  again<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    return this.#examination.again(attempt)
  }

  /**
   * Writes as {@link ExaminedTable.write} does, within a transaction of the caller's.
   *
   * @returns undefined where the table is not the one that was examined: the transaction is to be rolled back
   * @throws WriteFailure; whatever the connection throws
   */
  async writeWithin(
    client: pg.PoolClient,
    values: readonly unknown[],
    count: number,
    wait: LockWait,
  ): Promise<number | undefined> {
    const limit = this.#waits[wait]
    const { shape: examined } = this.#examination
    const { placed, shape } =
      examined && needsLook(examined)
        ? await this.#writeAndLook(client, values, count, limit, examined)
        : await this.#writeOn(client, values, limit)
    return this.#examination.isKnown(shape) ? placed : undefined
  }

  async #writeOn(client: pg.ClientBase, values: readonly unknown[], wait: string): Promise<Answer> {
    const { rows } = await runOn<Answer>(client, this.#statement(values, wait))
    return rows[0] as Answer
  }

  #attempt(values: readonly unknown[], count: number, wait: string): Promise<Answer> {
    const { shape: examined, where } = this.#examination
    if (!examined || !needsLook(examined)) return this.#writeAtOnce(values, wait)
    const write = (client: pg.PoolClient) => this.#writeAndLook(client, values, count, wait, examined)
    return runTransaction(this.#pool, write, where, this.#needed.name)
  }

  async #writeAtOnce(values: readonly unknown[], wait: string): Promise<Answer> {
    const { name } = this.#needed
    const { where } = this.#examination
    const { rows } = await runStatement<Answer>(this.#pool, this.#statement(values, wait), where, name)
    return rows[0] as Answer
  }

  #statement(values: readonly unknown[], wait: string): pg.QueryConfig {
    return { name: this.#name, text: this.#writeText, values: [...values, this.#examination.text, wait] }
  }

  /**
   * Writes as {@link ExaminedTable.write} does, within a transaction that the caller rolls back.
   *
   * @returns false where the table has been altered since it was examined: nothing was tried
   */
  async rehearse(client: pg.ClientBase, values: readonly unknown[]): Promise<boolean> {
    const { shape: examined } = this.#examination
    if (examined && needsLook(examined)) {
      await client.query(`SET LOCAL ${keptSetting} = '0'`)
      await client.query(this.#statements.countingInsert, [...values])
      return true
    }
    const { shape } = await this.#writeOn(client, values, this.#waits.usual)
    return shape === null
  }

  /**
   * The locks of the rows and of the table are kept until the end: what was looked at is what is committed.
   */
  async #writeAndLook(
    client: pg.PoolClient,
    values: readonly unknown[],
    count: number,
    wait: string,
    examined: TableShape,
  ): Promise<Answer> {
    await client.query(
      `SET LOCAL lock_timeout = '${wait}'; SET LOCAL ${keptSetting} = '0'; SAVEPOINT before_write`,
    )
    const { rowCount } = await client.query(this.#statements.countingInsert, [...values])
    const placed = rowCount ?? 0
    // Those that are deferred would fire at the commit, after the look.
    await client.query('SET CONSTRAINTS ALL IMMEDIATE')
    const { rows } = await client.query<Look>(this.#lookText, [...values, this.#examination.text])
    const { shape, kept, missing, lost } = rows[0] as Look
    if (shape !== null) {
      await client.query('ROLLBACK TO SAVEPOINT before_write')
      return { placed: 0, shape }
    }
    // A row that is neither placed nor left alone was discarded, unless it is there all the same.
    const absent = placed + kept < count ? lost : missing
    if (absent > 0) throw discarded(this.#examination.where, tableIdentifier(this.#needed.name), examined)
    return { placed, shape: null }
  }
}
