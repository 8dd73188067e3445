import type { Clock } from '#runtime/clock.ts'

interface Timer {
  readonly atMs: number
  readonly fn: () => void
}

/** 2026-01-01T00:00:00Z: where Unix time stands when a virtual clock starts. */
export const startUnixMs = 1_767_225_600_000

/**
 * Time that passes only when told to. Between two timers, and after the last, everything that can go on does: promise
 * reactions and ticks run until none is left. So a test sees the same order of events every time.
 */
export class VirtualClock implements Clock {
  #nowMs = 0
  #leaptMs = 0
  #fired = 0
  readonly #mostTimers: number
  /** In order of creation, which decides between timers of one instant. */
  readonly #timers = new Set<Timer>()

  /** @param mostTimers who fires more goes round in circles, and is stopped by an error */
  constructor(mostTimers = Infinity) {
    this.#mostTimers = mostTimers
  }

  now(): number {
    return this.#nowMs
  }

  unixMs(): number {
    return startUnixMs + this.#leaptMs + this.#nowMs
  }

  /** Unix time goes on by so much at once, and no timer with it: as where a machine was suspended, or nothing happened. */
  leap(ms: number): void {
    this.#leaptMs += ms
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), fn }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    // Every microtask runs before an immediate does, those that microtasks create included.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await this.settle()
    for (let timer = this.#next(endMs); timer; timer = this.#next(endMs)) {
      this.#timers.delete(timer)
      this.#fired += 1
      if (this.#fired > this.#mostTimers) throw new Error(`${this.#mostTimers} timers have fired, and no end`)
      this.#nowMs = timer.atMs
      timer.fn()
      await this.settle()
    }
    this.#nowMs = endMs
  }

  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.atMs <= endMs && (!next || timer.atMs < next.atMs)) next = timer
    }
    return next
  }
}
