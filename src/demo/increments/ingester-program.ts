import type { Environment } from '#config/environment.ts'
import type { Log } from '#stack/service.ts'
import type { FleetCounts } from '../fleet-counts.ts'
import type { DemoProgram } from '../program.ts'
import { startDemoProgram, urlOf } from '../program.ts'
import { RemoteCounts } from './remote-counts.ts'

export interface IngesterProgramOptions {
  readonly log: Log
  /** Aborts the startup. */
  readonly signal: AbortSignal
  /** At its end, everything that it has received is waited for: for this long, and not after a forced stop. */
  readonly settleWithinMs: number
  readonly forceStop: AbortSignal
}

/** An ingester in a process of its own, and what its metrics say that it has done. */
export class IngesterProgram implements AsyncDisposable {
  readonly #program: DemoProgram
  readonly #counts: RemoteCounts
  readonly #options: IngesterProgramOptions
  #stopping: Promise<void> | undefined

  private constructor(program: DemoProgram, options: IngesterProgramOptions) {
    this.#program = program
    this.#counts = new RemoteCounts(`${urlOf(program)}/metrics`)
    this.#options = options
  }

  static async start(environment: Environment, options: IngesterProgramOptions): Promise<IngesterProgram> {
    const { log, signal } = options
    const program = await startDemoProgram({
      name: 'ingester',
      port: 0,
      args: () => ['run'],
      environment: (port) => ({
        ...environment,
        INGESTER_HTTP_PORT: String(port),
        INGESTER_HTTP_HOST: '127.0.0.1',
      }),
      ready: 'consuming',
      log,
      signal,
    })
    return new IngesterProgram(program, options)
  }

  get adminUrl(): string {
    return urlOf(this.#program)
  }

  get problem(): string | undefined {
    return this.#program.problem
  }

  get counts(): FleetCounts {
    return this.#counts.counts
  }

  /** Asks for its metrics now. */
  read(): Promise<void> {
    return this.#counts.read()
  }

  kill(): Promise<void> {
    return this.#counts.whileKilled(() => this.#program.kill())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  /** Its metrics end with it, so it is stopped when they are complete. */
  async #stop(): Promise<void> {
    const { settleWithinMs, forceStop } = this.#options
    if (this.problem === undefined)
      await this.#counts.settled(AbortSignal.any([forceStop, AbortSignal.timeout(settleWithinMs)]))
    this.#counts[Symbol.dispose]()
    await this.#program[Symbol.asyncDispose]()
  }
}
