import type { Environment } from '#config/environment.ts'
import type { Log } from '#stack/service.ts'
import type { FleetCounts } from '../fleet-counts.ts'
import { sumOf } from '../fleet-counts.ts'
import type { DemoProgram } from '../program.ts'
import { startDemoProgram, urlOf } from '../program.ts'
import { noCounts, readCounts } from './metrics-text.ts'

const everyMs = 250
const answerWithinMs = 2000

/** An ingester in a process of its own, and what its metrics say that it has done. */
export class IngesterProgram implements AsyncDisposable {
  readonly #program: DemoProgram
  readonly #timer: NodeJS.Timeout
  /** Of processes that were killed: what they had settled, as far as it is known. */
  #before = noCounts
  #now = noCounts
  #reading: Promise<void> | undefined

  private constructor(program: DemoProgram) {
    this.#program = program
    this.#timer = setInterval(() => void this.read(), everyMs)
  }

  static async start(
    environment: Environment,
    options: { readonly log: Log; readonly signal: AbortSignal },
  ): Promise<IngesterProgram> {
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
      ...options,
    })
    return new IngesterProgram(program)
  }

  get adminUrl(): string {
    return urlOf(this.#program)
  }

  get problem(): string | undefined {
    return this.#program.problem
  }

  get counts(): FleetCounts {
    return sumOf(this.#before, this.#now)
  }

  /** Asks for its metrics now. One that does not answer has no news. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined))
    return this.#reading
  }

  async kill(): Promise<void> {
    const { outstanding, received, ...settled } = sumOf(this.#before, this.#now)
    // What it held is delivered again, and counted by who receives it then.
    this.#before = { ...settled, received: received - outstanding, outstanding: 0 }
    this.#now = noCounts
    const reading = this.#reading
    const killed = this.#program.kill()
    await reading
    this.#now = noCounts
    await killed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.read()
    await this.#program[Symbol.asyncDispose]()
  }

  async #read(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(answerWithinMs)
      const response = await fetch(`${this.adminUrl}/metrics`, { signal })
      this.#now = readCounts(await response.text())
    } catch {
      // It starts, or is gone.
    }
  }
}
