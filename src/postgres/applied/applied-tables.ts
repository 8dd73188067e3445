import { WriteFailure } from '#core/write-failure.ts'
import type { Connections } from '../connection-pool.ts'
import { TableExamination } from '../examination.ts'
import { appliedMessages, appliedRequests } from '../needed-tables.ts'
import { runStatement } from '../statement.ts'
import { creationAdvice } from '../table-advice.ts'
import type { Shapes } from './identities-sql.ts'

/** The two tables of identities, which may be altered at any moment as that of the pipeline may. */
export class AppliedTables {
  readonly #messages: TableExamination
  readonly #requests: TableExamination

  constructor(pool: Connections) {
    this.#messages = new TableExamination(pool, appliedMessages)
    this.#requests = new TableExamination(pool, appliedRequests)
  }

  /** Their shapes as expressions of SQL. */
  get sql(): Omit<Shapes, 'sink'> {
    return { messages: this.#messages.sql, requests: this.#requests.sql }
  }

  /** The shapes that were examined. */
  get texts(): readonly [messages: string, requests: string] {
    return [this.#messages.text, this.#requests.text]
  }

  /**
   * A failure that says that something is absent: where that is one of these tables, with what makes it.
   *
   * @returns the failure as it was, where both are there
   */
  async orAbsent(failure: unknown, pool: Connections): Promise<unknown> {
    if (!(failure instanceof WriteFailure) || !/^(42P01|42703)$/.test(failure.code ?? '')) return failure
    try {
      const { messages, requests } = this.sql
      const text = `SELECT ${messages} IS NULL AS messages, ${requests} IS NULL AS requests`
      const { rows } = await runStatement<{ messages: boolean; requests: boolean }>(pool, { text }, 'tables')
      const absent = rows[0]?.messages ? appliedMessages : rows[0]?.requests ? appliedRequests : undefined
      if (!absent) return failure
      const what = `table ${absent.name} does not exist`
      return new WriteFailure('schema-drift', what, failure.code, { fixes: [creationAdvice(absent)] })
    } catch {
      return failure
    }
  }

  /**
   * Whether a statement has met the tables that were examined.
   *
   * @throws WriteFailure where one of them is not fit
   */
  areKnown(messages: string | null, requests: string | null): boolean {
    const known = [this.#messages.isKnown(messages), this.#requests.isKnown(requests)]
    return known.every(Boolean)
  }
}
