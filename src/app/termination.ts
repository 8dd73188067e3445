import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '#core/logger.ts'

/** How long `/readyz` reports the failure before the process ends, so that a probe sees it. */
const notReadyGraceMs = 2000

/** Why a service terminates; it does so once. */
export class Termination {
  readonly #logger: Logger
  readonly #failed = Promise.withResolvers<Error>()
  #reason: string | undefined
  #stopping: Promise<void> | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Resolves a moment after {@link fail}. */
  get failed(): Promise<Error> {
    return this.#failed.promise
  }

  /** Why it is no longer ready; empty while it is not terminating. */
  get reasons(): readonly string[] {
    return this.#reason === undefined ? [] : [this.#reason]
  }

  /** For what no retry fixes. */
  fail(reason: string): void {
    this.#reason = reason
    this.#logger.error({}, reason)
    void wait(notReadyGraceMs).then(() => this.#failed.resolve(new Error(reason)))
  }

  /** Runs `stop` the first time; every caller waits for the same end. */
  once(stop: () => Promise<void>): Promise<void> {
    this.#reason ??= 'stopping'
    this.#stopping ??= stop()
    return this.#stopping
  }
}
