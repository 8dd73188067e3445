import { WriteFailure } from '#core/write-failure.ts'
import type { Connections } from './connection-pool.ts'
import type { NeededTable } from './needed-tables.ts'
import { runStatement } from './statement.ts'
import { additionAdvice, driftAdvice } from './table-advice.ts'
import { missingColumns, problemOf, unfitnessOf } from './table-fitness.ts'
import type { TableShape } from './table-shape.ts'
import { parseShape, shapeSql } from './table-shape.ts'

/** A shape as a statement reported it. */
interface Examined {
  readonly text: string
  readonly shape: TableShape
}

/** A table that is altered more often than this between two statements is left alone for a moment. */
const maxExaminations = 5

/**
 * What is known of a table that may be altered at any moment (SET UNLOGGED, another column type, a trigger). Each statement
 * checks which table it has met: it takes the table's lock first, then reads its shape from the catalog, and writes nothing
 * unless that is the shape that was examined before. With another shape the table is examined again: it is fit, or
 * nothing is written until it is.
 */
export class TableExamination {
  readonly #pool: Connections
  readonly #needed: NeededTable
  readonly #examineText: string
  /** The shape as an expression of SQL. */
  readonly sql: string
  #examined: Examined | undefined

  constructor(pool: Connections, needed: NeededTable) {
    this.#pool = pool
    this.#needed = needed
    this.sql = shapeSql(needed)
    this.#examineText = `SELECT ${this.sql} AS shape`
  }

  /** The shape that was examined, as a statement compares it; empty before the first. */
  get text(): string {
    return this.#examined?.text ?? ''
  }

  /** Undefined before it was examined. */
  get shape(): TableShape | undefined {
    return this.#examined?.shape
  }

  /** As in a sentence. */
  get where(): string {
    return `table ${this.#needed.name}`
  }

  /**
   * Whether a statement has met the table that was examined. Another one is examined.
   *
   * @param shape null where it is the one that was expected
   * @throws WriteFailure where it is not fit
   */
  isKnown(shape: string | null): boolean {
    if (shape === null) return true
    this.#examined = this.#examine(shape)
    return false
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
    throw new WriteFailure('conflict', `${this.where}: it keeps being altered`)
  }

  /** @throws WriteFailure where it is not fit; the next write looks again */
  #examine(text: string): Examined {
    const shape = parseShape(text)
    const unfit = unfitnessOf(this.#needed, shape)
    if (unfit.length === 0) return { text, shape }
    const { message, fixes } = problemOf(this.where, unfit)
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
    const { rows } = await runStatement<{ shape: string | null }>(
      this.#pool,
      { text: this.#examineText },
      this.where,
    ).catch(() => {
      throw explained
    })
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
 * Whether the number of rows that a statement placed says too little, since triggers or rules may discard some. Also where
 * transactions are of another level than READ COMMITTED: a single statement would read the catalog as it was before it got
 * the table's lock.
 */
export function needsLook({ triggers, rules, isolation }: TableShape): boolean {
  return triggers.length > 0 || rules.length > 0 || isolation !== 'read committed'
}

/** In place of an SQLSTATE: the server itself reports nothing. */
const discardedCode = 'discarded'

/** Of rows that triggers or rules have discarded. */
export function discarded(where: string, table: string, { triggers, rules }: TableShape): WriteFailure {
  const by = [...triggers.map((name) => `trigger ${name}`), ...rules.map(({ name }) => `rule ${name}`)]
  const fixes = [
    ...triggers.map((trigger) => `ALTER TABLE ${table} DISABLE TRIGGER ${trigger};`),
    ...rules.map((rule) => `DROP RULE ${rule.name} ON ${table};`),
  ]
  const what = `discarded or changed by a trigger or rule (${by.join(', ')}), so it is not in the table`
  const fix = `change what it does or, as the owner: ${fixes.join(' ')}`
  return new WriteFailure('bad-row', `${where}: ${what}; ${fix}`, discardedCode)
}
