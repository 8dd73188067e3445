import type { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'
import { sleep } from './clock.ts'

export interface ConnectGateOptions {
  readonly clock: Clock
  readonly backoff: Backoff
}

/**
 * Limits the attempts to connect to one server. While they succeed, callers connect freely. After a failure one caller at
 * a time tries again, when the delay is over; the others wait for its outcome and share its error:
 *
 *   open ──failed──▶ shut ──delay──▶ one trial ──failed────▶ shut, for longer
 *                                              └─succeeded─▶ open
 *
 * So an unavailable server is tried only as often as the backoff allows, however many callers there are.
 */
export class ConnectGate {
  readonly #options: ConnectGateOptions
  /** When the next attempt is due; undefined while open. */
  #dueMs: number | undefined
  #trial: Promise<unknown> | undefined

  constructor(options: ConnectGateOptions) {
    this.#options = options
  }

  /**
   * Calls `connect` as soon as it may.
   *
   * @throws what `connect` throws, its own or that of the trial it waited for
   */
  async pass<T>(connect: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#trial) await this.#trial
    if (this.#dueMs === undefined) return this.#attempt(connect)
    const trial = this.#try(connect, this.#dueMs, signal)
    this.#trial = trial
    // Callers that wait for it see its failure; without any, this one still throws it.
    trial.catch(() => {})
    try {
      return await trial
    } finally {
      this.#trial = undefined
    }
  }

  async #try<T>(connect: () => Promise<T>, dueMs: number, signal: AbortSignal | undefined): Promise<T> {
    const { clock } = this.#options
    const delayMs = dueMs - clock.now()
    if (delayMs > 0) await sleep(clock, delayMs, signal)
    return this.#attempt(connect)
  }

  async #attempt<T>(connect: () => Promise<T>): Promise<T> {
    const { clock, backoff } = this.#options
    const before = this.#dueMs
    try {
      const connected = await connect()
      this.#dueMs = undefined
      backoff.reset()
      return connected
    } catch (error) {
      // Attempts that were under way together fail together, and count once.
      if (this.#dueMs === before) this.#dueMs = clock.now() + backoff.next()
      throw error
    }
  }
}
