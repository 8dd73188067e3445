/** A process that has made no progress for this long is given up. */
export const stalledMs = 60_000

/** Waits for counts that another process is to reach; gives up when it makes no more progress. */
export class Progress {
  readonly #reached: ReadonlyMap<number, PromiseWithResolvers<number>>
  readonly #limitMs: number
  readonly #why: () => string
  readonly #failed = Promise.withResolvers<never>()
  #waiting = 0
  #watch: NodeJS.Timeout | undefined

  /** @param why the error message when it is given up */
  constructor(marks: readonly number[], why: () => string, limitMs = stalledMs) {
    this.#reached = new Map(marks.map((mark) => [mark, Promise.withResolvers<number>()]))
    this.#limitMs = limitMs
    this.#why = why
    this.#failed.promise.catch(() => {})
  }

  /** There is progress. */
  moved(): void {
    clearTimeout(this.#watch)
    if (this.#waiting === 0) return
    this.#watch = setTimeout(() => this.fail(new Error(this.#why())), this.#limitMs)
  }

  /** @param unixMs when it was */
  reach(mark: number, unixMs: number): void {
    this.moved()
    this.#reached.get(mark)?.resolve(unixMs)
  }

  /** Nothing will be reached any more. */
  fail(error: Error): void {
    clearTimeout(this.#watch)
    this.#failed.reject(error)
  }

  /** Resolves with the Unix time in ms; rejects when nothing has moved for too long, or it has failed. */
  async reached(mark: number): Promise<number> {
    const reached = this.#reached.get(mark)
    if (!reached) throw new Error(`${mark} is no mark`)
    return this.within(reached.promise)
  }

  /** Waits for something else of that process, for as long. */
  async within<T>(promise: Promise<T>): Promise<T> {
    this.#waiting += 1
    this.moved()
    try {
      return await Promise.race([promise, this.#failed.promise])
    } finally {
      this.#waiting -= 1
      if (this.#waiting === 0) clearTimeout(this.#watch)
    }
  }
}
