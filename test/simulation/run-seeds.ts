import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Totals } from './totals.ts'
import { join, noTotals } from './totals.ts'
import type { Done, Task } from './worker.ts'

/** Seeds that a thread is given at a time. */
const taskSize = 50
/** A schedule takes some 10 ms; one that takes this long will not end. */
const hangsAfterMs = 60_000

export interface SeedsResult {
  readonly totals: Totals
  readonly failedSeed: number | undefined
  /** It did not end. */
  readonly hangs: boolean
}

/** Runs `count` seeds on all processors, until the first failure. */
export async function runSeeds(
  from: number,
  count: number,
  progress: (totals: Totals) => void = () => {},
): Promise<SeedsResult> {
  const totals = noTotals()
  let next = from
  let failedSeed: number | undefined
  let hangs = false
  const nextTask = (): Task | undefined => {
    if (failedSeed !== undefined || next >= from + count) return undefined
    const task = { from: next, count: Math.min(taskSize, from + count - next) }
    next += task.count
    return task
  }
  const work = async (): Promise<void> => {
    const current = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: current.buffer })
    try {
      for (let task = nextTask(); task; task = nextTask()) {
        const done = await within(worker, task, current)
        if (done === undefined) {
          failedSeed ??= Atomics.load(current, 0)
          hangs = true
          return
        }
        join(totals, done.totals)
        if (done.failedSeed !== undefined) failedSeed = Math.min(failedSeed ?? Infinity, done.failedSeed)
        progress(totals)
      }
    } finally {
      await worker.terminate()
    }
  }
  const threads = Math.max(1, Math.min(availableParallelism(), Math.ceil(count / taskSize)))
  await Promise.all(Array.from({ length: threads }, work))
  return { totals, failedSeed, hangs }
}

/** Undefined: it stands still. */
async function within(worker: Worker, task: Task, current: Int32Array): Promise<Done | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Done | undefined>()
  let seen = -1
  const watch = setInterval(() => {
    const seed = Atomics.load(current, 0)
    if (seed === seen) resolve(undefined)
    seen = seed
  }, hangsAfterMs)
  worker.once('message', resolve)
  worker.once('error', reject)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  worker.postMessage(task)
  try {
    return await promise
  } finally {
    clearInterval(watch)
    worker.off('message', resolve)
    worker.off('error', reject)
  }
}
