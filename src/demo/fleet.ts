import type { Ingester } from '#app/ingester.ts'
import { startIngester } from '#app/ingester.ts'
import { aborted } from '#app/serving.ts'
import { shutDown } from '#app/shutdown.ts'
import type { Config } from '#config/config.ts'
import type { Verdict } from '#core/cache.ts'
import type { Logger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { onFreePort } from '#stack/ports.ts'
import { Tally } from './tally.ts'
import type { FleetCounts, Remaining } from './fleet-counts.ts'
import { drainLimitMs } from './fleet-counts.ts'

export interface FleetOptions {
  readonly replicas: number
  /** First signal: publishing is to end. */
  readonly signal: AbortSignal
  /** Second signal: leave now. */
  readonly forceStop: AbortSignal
}

export interface FleetProgress extends FleetCounts {
  readonly cacheVerdicts: Readonly<Record<Verdict, number>>
  /** From publishing to commit, since this was last asked. */
  readonly slowestCommitSeconds: number | undefined
  /** What is wrong with any of the ingesters. */
  readonly problems: readonly string[]
}

/** The demo's ingesters on their one subscription, and what they do together. */
export class DemoFleet implements AsyncDisposable {
  readonly ingesters: Ingester[] = []
  /** Aborts with the user's signal, or with the first ingester's fatal error. */
  readonly ending: AbortSignal
  readonly #config: Config
  readonly #options: FleetOptions
  readonly #tally = new Tally(() => this.outstanding)
  readonly #failing = new AbortController()
  #failure: Error | undefined

  private constructor(config: Config, options: FleetOptions) {
    this.#config = config
    this.#options = options
    this.ending = AbortSignal.any([options.signal, this.#failing.signal])
  }

  /** @throws as startIngester does; those that had started are stopped */
  static async start(
    config: Config,
    pipeline: Pipeline,
    options: FleetOptions,
    logger: Logger,
  ): Promise<DemoFleet> {
    const fleet = new DemoFleet(config, options)
    try {
      for (let i = 0; i < options.replicas; i++) await fleet.#add(pipeline, logger)
    } catch (error) {
      await fleet[Symbol.asyncDispose]()
      throw error
    }
    return fleet
  }

  async #add(pipeline: Pipeline, logger: Logger): Promise<void> {
    const config = this.#config
    const { observer } = this.#tally
    const ingester = await onFreePort(config.http.port, (port) =>
      startIngester({ ...config, http: { ...config.http, port } }, [pipeline], logger, {
        observer,
        signal: this.#options.signal,
      }),
    )
    this.ingesters.push(ingester)
    void ingester.failed.then((error) => {
      this.#failure ??= error
      this.#failing.abort()
    })
  }

  /** Deliveries that they hold now. */
  get outstanding(): number {
    return this.ingesters.reduce((sum, { outstanding }) => sum + outstanding, 0)
  }

  counts(): FleetCounts {
    const { settled, received, redelivered, offered } = this.#tally
    const { 'dead-lettered': deadLettered, nacked, ...acked } = settled
    const outstanding = this.outstanding
    return { received, ...acked, deadLettered, nacked, redelivered, outstanding, offered }
  }

  progress(): FleetProgress {
    return {
      ...this.counts(),
      cacheVerdicts: this.#tally.cacheVerdicts,
      slowestCommitSeconds: this.#tally.takeSlowestCommit(),
      problems: [...new Set(this.ingesters.flatMap(({ problems }) => problems))],
    }
  }

  /** Waits until all these messages are settled, or until the limit of time or the user's signal. Returns the rest. */
  async drain(messages: number): Promise<Remaining> {
    const limit = AbortSignal.any([this.#options.forceStop, AbortSignal.timeout(drainLimitMs)])
    await Promise.race([this.#tally.drained(messages), aborted(limit)])
    return { undelivered: messages - this.#tally.messages, unsettled: this.outstanding }
  }

  /** @throws what ended an ingester before its time */
  async stop(): Promise<void> {
    await this[Symbol.asyncDispose]()
    if (this.#failure) throw this.#failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const limits = { limitMs: this.#config.shutdownTimeoutMs, forceStop: this.#options.forceStop }
    await Promise.all(this.ingesters.map((one) => shutDown(one, limits)))
  }
}
