import type pg from 'pg'
import { WriteFailure } from '#core/write-failure.ts'
import type { LockWait } from '#core/sink.ts'
import type { Connections } from './connection-pool.ts'
import type { LockWaits } from './lock-wait.ts'
import { limitedWait, orLockedTable } from './lock-wait.ts'
import { tableIdentifier } from './identifier.ts'
import type { NeededTable } from './needed-tables.ts'
import { runOn } from './session.ts'
import { runStatement, runTransaction } from './statement.ts'
import { additionAdvice, driftAdvice } from './table-advice.ts'
import { missingColumns, problemOf, unfitnessOf } from './table-fitness.ts'
import type { TableShape } from './table-shape.ts'
import { parseShape, shapeSql } from './table-shape.ts'
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

/** A shape as a statement reported it. */
interface Examined {
  readonly text: string
  readonly shape: TableShape
}

/** A table that is altered more often than this between two statements is left alone for a moment. */
const maxExaminations = 5

/** In place of an SQLSTATE: the server itself reports nothing. */
const discardedCode = 'discarded'

/**
 * A table that is written to only while it keeps what is written. It may be altered at any moment (SET UNLOGGED, another
 * column type, a trigger), so each statement checks which table it has met: it takes the table's lock first, then reads
 * its shape from the catalog, and writes nothing unless that is the shape that was examined before. With another shape the
 * table is examined again: it is fit, or nothing is written until it is.
 *
 * Where triggers or rules may discard rows, the number of rows placed says nothing: a discarded row counts like one that
 * was not newer. Such a table is written in a transaction that looks for the rows before it commits.
 */
export class ExaminedTable {
  readonly #pool: Connections
  readonly #needed: NeededTable
  readonly #statements: TableStatements
  readonly #waits: LockWaits
  readonly #writeText: string
  readonly #name: string
  readonly #lookText: string
  readonly #examineText: string
  #examined: Examined | undefined

  constructor(pool: Connections, needed: NeededTable, statements: TableStatements, waits: LockWaits) {
    this.#pool = pool
    this.#waits = waits
    this.#needed = needed
    this.#statements = statements
    const shape = shapeSql(needed)
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
    this.#examineText = `SELECT ${shape} AS shape`
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
      const { placed, shape } = await this.#attempt(values, count, wait, this.#examined)
      return this.#isKnown(shape) ? placed : undefined
    })
  }

  /**
   * Runs `attempt` again as long as the table is altered under it.
   *
   * @param attempt gives undefined where it has met another table than the one that was examined, and has written nothing
   * @throws WriteFailure
   */
  async again<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    for (let examinations = 0; examinations < maxExaminations; examinations += 1) {
      const examined = this.#examined
      const result = await attempt().catch((error: unknown) => this.#explain(error, examined))
      if (result !== undefined) return result
    }
    throw new WriteFailure('conflict', `${this.#where}: it keeps being altered`)
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
    const examined = this.#examined
    const limit = this.#waits[wait]
    const { placed, shape } =
      examined && needsLook(examined.shape)
        ? await this.#writeAndLook(client, values, count, limit, examined)
        : await this.#writeOn(client, values, limit, examined)
    return this.#isKnown(shape) ? placed : undefined
  }

  /**
   * Whether a statement has met the table that was examined. Another one is examined.
   *
   * @throws WriteFailure where it is not fit
   */
  #isKnown(shape: string | null): boolean {
    if (shape === null) return true
    this.#examined = this.#examine(shape)
    return false
  }

  async #writeOn(
    client: pg.ClientBase,
    values: readonly unknown[],
    wait: string,
    examined: Examined | undefined,
  ): Promise<Answer> {
    const { rows } = await runOn<Answer>(client, this.#statement(values, wait, examined))
    return rows[0] as Answer
  }

  get #where(): string {
    return `table ${this.#needed.name}`
  }

  #attempt(
    values: readonly unknown[],
    count: number,
    wait: string,
    examined: Examined | undefined,
  ): Promise<Answer> {
    if (!examined || !needsLook(examined.shape)) return this.#writeAtOnce(values, wait, examined)
    const write = (client: pg.PoolClient) => this.#writeAndLook(client, values, count, wait, examined)
    return runTransaction(this.#pool, write, this.#where, this.#needed.name)
  }

  async #writeAtOnce(
    values: readonly unknown[],
    wait: string,
    examined: Examined | undefined,
  ): Promise<Answer> {
    const { name } = this.#needed
    const statement = this.#statement(values, wait, examined)
    const { rows } = await runStatement<Answer>(this.#pool, statement, this.#where, name)
    return rows[0] as Answer
  }

  #statement(values: readonly unknown[], wait: string, examined: Examined | undefined): pg.QueryConfig {
    const all = [...values, examined?.text ?? '', wait]
    return { name: this.#name, text: this.#writeText, values: all }
  }

  /**
   * Writes as {@link ExaminedTable.write} does, within a transaction that the caller rolls back.
   *
   * @returns false where the table has been altered since it was examined: nothing was tried
   */
  async rehearse(client: pg.ClientBase, values: readonly unknown[]): Promise<boolean> {
    const examined = this.#examined
    if (examined && needsLook(examined.shape)) {
      await client.query(`SET LOCAL ${keptSetting} = '0'`)
      await client.query(this.#statements.countingInsert, [...values])
      return true
    }
    const { shape } = await this.#writeOn(client, values, this.#waits.usual, examined)
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
    examined: Examined,
  ): Promise<Answer> {
    await client.query(
      `SET LOCAL lock_timeout = '${wait}'; SET LOCAL ${keptSetting} = '0'; SAVEPOINT before_write`,
    )
    const { rowCount } = await client.query(this.#statements.countingInsert, [...values])
    const placed = rowCount ?? 0
    // Those that are deferred would fire at the commit, after the look.
    await client.query('SET CONSTRAINTS ALL IMMEDIATE')
    const { rows } = await client.query<Look>(this.#lookText, [...values, examined.text])
    const { shape, kept, missing, lost } = rows[0] as Look
    if (shape !== null) {
      await client.query('ROLLBACK TO SAVEPOINT before_write')
      return { placed: 0, shape }
    }
    // A row that is neither placed nor left alone was discarded, unless it is there all the same.
    const absent = placed + kept < count ? lost : missing
    if (absent > 0) throw this.#discarded(examined.shape)
    return { placed, shape: null }
  }

  #discarded({ triggers, rules }: TableShape): WriteFailure {
    const by = [...triggers.map((name) => `trigger ${name}`), ...rules.map(({ name }) => `rule ${name}`)]
    const table = tableIdentifier(this.#needed.name)
    const fixes = [
      ...triggers.map((trigger) => `ALTER TABLE ${table} DISABLE TRIGGER ${trigger};`),
      ...rules.map((rule) => `DROP RULE ${rule.name} ON ${table};`),
    ]
    const what = `discarded or changed by a trigger or rule (${by.join(', ')}), so it is not in the table`
    const fix = `change what it does or, as the owner: ${fixes.join(' ')}`
    return new WriteFailure('bad-row', `${this.#where}: ${what}; ${fix}`, discardedCode)
  }

  /** @throws WriteFailure where it is not fit; the next write looks again */
  #examine(text: string): Examined {
    const shape = parseShape(text)
    const unfit = unfitnessOf(this.#needed, shape)
    if (unfit.length === 0) return { text, shape }
    const { message, fixes } = problemOf(this.#where, unfit)
    throw new WriteFailure('schema-drift', message, undefined, { fixes })
  }

  /**
   * Errors that the table's shape may be the reason for say little of it: it is looked at, and tried again if it is new.
   *
   * @throws WriteFailure where it is not
   */
  async #explain(error: unknown, examined: Examined | undefined): Promise<undefined> {
    if (!(error instanceof WriteFailure) || !shapeErrors.test(error.code ?? '')) throw error
    const explained = this.#advised(error)
    const statement = { text: this.#examineText }
    const { rows } = await runStatement<Pick<Answer, 'shape'>>(this.#pool, statement, this.#where).catch(
      () => {
        throw explained
      },
    )
    const shape = rows[0]?.shape ?? null
    const lacking = shape === null ? undefined : this.#lacking(parseShape(shape), error)
    if (lacking) throw lacking
    if (shape === null || shape === examined?.text) throw explained
    this.#examined = this.#examine(shape)
    return undefined
  }

  /** Where columns are missing, with the statement that adds them. */
  #lacking(
    { columns }: TableShape,
    { class: failureClass, message, code }: WriteFailure,
  ): WriteFailure | undefined {
    if (failureClass !== 'schema-drift') return undefined
    const missing = missingColumns(this.#needed, { columns })
    if (missing.length === 0) return undefined
    return new WriteFailure(failureClass, message, code, { fixes: [additionAdvice(this.#needed, missing)] })
  }

  /** With advice for a module's table: what the server's errors give is about the project's own. */
  #advised(failure: WriteFailure): WriteFailure {
    const { class: failureClass, message, code, ownFault, cause } = failure
    const fix = failureClass === 'schema-drift' ? driftAdvice(this.#needed, code) : undefined
    return fix ? new WriteFailure(failureClass, message, code, { fixes: [fix], ownFault, cause }) : failure
  }
}

/** Of its syntax and names, of what it does not support, of generated columns, of deferrable keys. */
const shapeErrors = /^(42|0A|55000)/

/**
 * Also where transactions are of another level than READ COMMITTED: a single statement would read the catalog as it was
 * before it got the table's lock.
 */
function needsLook({ triggers, rules, isolation }: TableShape): boolean {
  return triggers.length > 0 || rules.length > 0 || isolation !== 'read committed'
}
