import type { Explain, Problem } from '#core/advice.ts'
import { withoutFixes } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Connections } from './connection-pool.ts'
import type { NeededTable } from './needed-tables.ts'
import { creationAdvice } from './table-advice.ts'
import { problemOfShape } from './table-fitness.ts'
import { readShape } from './table-shape.ts'
import type { Transactional } from './transaction.ts'
import { rollingBackOf } from './transaction.ts'

const lookEveryMs = 5000

export interface TableWatchOptions {
  readonly pool: Connections
  readonly tables: readonly NeededTable[]
  readonly logger: Logger
  readonly clock: Clock
  readonly explain?: Explain
}

/**
 * Reports a table that was altered so that what is written to it would not be kept. Each write finds that out for
 * itself; this is for the time in which there is none.
 */
export class TableWatch implements Disposable {
  readonly #options: TableWatchOptions
  #unfit: readonly string[] = []
  #cancelTimer: (() => void) | undefined
  #disposed = false

  constructor(options: TableWatchOptions) {
    this.#options = options
    this.#lookLater()
  }

  /** As it was found the last time that PostgreSQL answered. */
  get unfit(): readonly string[] {
    return this.#unfit
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#cancelTimer?.()
  }

  #lookLater(): void {
    if (!this.#disposed) this.#cancelTimer = this.#options.clock.after(lookEveryMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { pool, tables, logger, explain = withoutFixes } = this.#options
    try {
      const found = await rollingBackOf(pool, (client) => unfitTables(client, tables))
      const unfit = found.map((problem) => explain(problem))
      for (const reason of unfit) {
        if (!this.#unfit.includes(reason)) logger.error({}, `nothing is acked until this is fixed: ${reason}`)
      }
      if (this.#unfit.length > 0 && unfit.length === 0) logger.info({}, 'the tables fit again')
      this.#unfit = unfit
    } catch {
      // PostgreSQL is unavailable: the next write reports it.
    }
    this.#lookLater()
  }
}

async function unfitTables(client: Transactional, tables: readonly NeededTable[]): Promise<Problem[]> {
  const unfit: Problem[] = []
  for (const needed of tables) {
    const shape = await readShape(client, needed)
    const table = `table ${needed.name}`
    if (!shape) unfit.push({ message: `${table} does not exist`, fixes: [creationAdvice(needed)] })
    const problem = shape && problemOfShape(table, needed, shape)
    if (problem) unfit.push(problem)
  }
  return unfit
}
