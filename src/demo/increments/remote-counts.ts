import { sleep, systemClock } from '#runtime/clock.ts'
import type { FleetCounts } from '../fleet-counts.ts'
import { sumOf } from '../fleet-counts.ts'
import { noCounts, readCounts } from './metrics-text.ts'

const everyMs = 250
const answerWithinMs = 2000
const settleLookMs = 50

/** What an ingester in another process has done, by its metrics, also where it is killed and started again. */
export class RemoteCounts implements Disposable {
  readonly #metricsUrl: string
  readonly #timer: NodeJS.Timeout
  /** Of processes that were killed: what they had settled, as far as it is known. */
  #before = noCounts
  #now = noCounts
  #reading: Promise<void> | undefined

  constructor(metricsUrl: string) {
    this.#metricsUrl = metricsUrl
    this.#timer = setInterval(() => void this.read(), everyMs)
  }

  get counts(): FleetCounts {
    return sumOf(this.#before, this.#now)
  }

  /** Asks for the metrics now. A process that does not answer has no news. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined))
    return this.#reading
  }

  /** Reads until everything that was received is settled, or until the limit. */
  async settled(limit: AbortSignal): Promise<void> {
    await this.#reading
    for (await this.read(); this.#now.outstanding > 0 && !limit.aborted; await this.read())
      await sleep(systemClock, settleLookMs, limit)
  }

  /** @param kill ends the process at once, and starts it again */
  async whileKilled(kill: () => Promise<void>): Promise<void> {
    const { outstanding, received, ...settled } = this.counts
    // What it held is delivered again, and counted by who receives it then.
    this.#before = { ...settled, received: received - outstanding, outstanding: 0 }
    this.#now = noCounts
    const reading = this.#reading
    const killed = kill()
    await reading
    this.#now = noCounts
    await killed
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  async #read(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(answerWithinMs)
      const response = await fetch(this.#metricsUrl, { signal })
      this.#now = readCounts(await response.text())
    } catch {
      // It starts, or is gone.
    }
  }
}
