import type { DemoProgress, RunningDemo } from '#demo/run.ts'
import { liveView } from './demo-view.ts'
import type { TerminalOutput } from './terminal-output.ts'

const everyMs = 1000
/** Of the time, so that looking at a large table does not become its main load. */
const readingShare = 0.2
const shownRows = 5

type Rows = Awaited<ReturnType<RunningDemo['newestRows']>>

/** Draws a running demo once a second, until it is disposed of. */
export class LiveView implements Disposable {
  readonly #demo: Pick<RunningDemo, 'progress' | 'newestRows' | 'shown'>
  readonly #output: Pick<TerminalOutput, 'progress'>
  readonly #forSeconds: number | undefined
  readonly #clock: () => number
  readonly #began: number
  readonly #timer: NodeJS.Timeout
  #before: { readonly progress: DemoProgress; readonly atMs: number }
  #newest: Rows | undefined
  #readAgainAtMs = 0

  /** @param clock monotonic milliseconds */
  constructor(
    demo: Pick<RunningDemo, 'progress' | 'newestRows' | 'shown'>,
    output: Pick<TerminalOutput, 'progress'>,
    forMs: number | undefined,
    clock = () => performance.now(),
  ) {
    this.#clock = clock
    this.#began = clock()
    this.#demo = demo
    this.#output = output
    this.#forSeconds = forMs === undefined ? undefined : forMs / 1000
    this.#before = { progress: demo.progress(), atMs: this.#began }
    this.#timer = setInterval(() => this.#draw(), everyMs)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #draw(): void {
    const nowMs = this.#clock()
    if (nowMs >= this.#readAgainAtMs) void this.#read(nowMs)
    const before = this.#before
    const now = this.#demo.progress()
    this.#before = { progress: now, atMs: nowMs }
    const look = {
      now,
      before: before.progress,
      secondsBetween: (nowMs - before.atMs) / 1000,
      seconds: (nowMs - this.#began) / 1000,
      forSeconds: this.#forSeconds,
      shown: this.#demo.shown,
      newest: this.#newest,
    }
    this.#output.progress((size) => liveView(look, size))
  }

  async #read(beganMs: number): Promise<void> {
    this.#readAgainAtMs = Infinity
    try {
      this.#newest = await this.#demo.newestRows(shownRows)
    } catch {
      // The database is unavailable: the last rows stay, and the view shows the problem.
    }
    const endedMs = this.#clock()
    this.#readAgainAtMs = endedMs + (endedMs - beganMs) / readingShare
  }
}
