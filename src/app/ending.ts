import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '#core/logger.ts'

/** So long `/readyz` says that it is over before the process ends, for whoever watches it. */
const lastWordsMs = 2000

/** That a service ends, why, and that it does so once. */
export class Ending {
  readonly #logger: Logger
  readonly #failed = Promise.withResolvers<Error>()
  #reason: string | undefined
  #stopping: Promise<void> | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Resolves a moment after {@link cannotGoOn}. */
  get failed(): Promise<Error> {
    return this.#failed.promise
  }

  /** Why it is no longer ready; empty while it is not ending. */
  get reasons(): readonly string[] {
    return this.#reason === undefined ? [] : [this.#reason]
  }

  /** Nothing that a retry fixes. */
  cannotGoOn(reason: string): void {
    this.#reason = reason
    this.#logger.error({}, reason)
    void wait(lastWordsMs).then(() => this.#failed.resolve(new Error(reason)))
  }

  /** Runs `stop` the first time; everyone waits for the same end. */
  once(stop: () => Promise<void>): Promise<void> {
    this.#reason ??= 'stopping'
    this.#stopping ??= stop()
    return this.#stopping
  }
}
