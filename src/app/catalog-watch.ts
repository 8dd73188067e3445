import type { Logger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { explain } from '#connect/explain.ts'
import type { Connections } from '#postgres/connection-pool.ts'
import { readCatalog } from '#postgres/read-catalog.ts'
import { rollingBackOf } from '#postgres/transaction.ts'
import type { Clock } from '#runtime/clock.ts'

const lookEveryMs = 2000

export interface CatalogWatchOptions {
  readonly pool: Connections
  readonly pipeline: Pipeline
  readonly logger: Logger
  readonly clock: Clock
  /**
   * Called with the pipeline for the table as it is now; no further look before it has resolved. False: it was not taken, and is
   * offered again.
   */
  readonly onAltered: (pipeline: Pipeline) => Promise<boolean>
}

/**
 * Looks whether the table of a mapping was altered so that its columns take other values than before: another type, or NULL. A
 * table that contradicts the file now is logged once; of what that means for writing, and of a column that is gone, the writes tell.
 */
export class CatalogWatch implements Disposable {
  readonly #options: CatalogWatchOptions
  #pipeline: Pipeline
  #reported: string | undefined
  #cancelTimer: (() => void) | undefined
  #disposed = false

  constructor(options: CatalogWatchOptions) {
    this.#options = options
    this.#pipeline = options.pipeline
    this.#lookLater()
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#cancelTimer?.()
  }

  #lookLater(): void {
    if (!this.#disposed && this.#pipeline.rebind)
      this.#cancelTimer = this.#options.clock.after(lookEveryMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const altered = await this.#altered()
    if (altered && !this.#disposed && (await this.#options.onAltered(altered))) this.#pipeline = altered
    this.#lookLater()
  }

  async #altered(): Promise<Pipeline | undefined> {
    const { pool, logger } = this.#options
    const { sink, rebind } = this.#pipeline
    const catalog = await rollingBackOf(pool, (client) => readCatalog(client, sink.name)).catch(
      () => undefined,
    )
    if (!catalog || !rebind) return undefined
    try {
      const altered = rebind(catalog)
      this.#reported = undefined
      return altered
    } catch (error) {
      const why = explain(error)
      if (why !== this.#reported)
        logger.error({ error: why }, 'the table was altered, and contradicts the mapping file')
      this.#reported = why
      return undefined
    }
  }
}
