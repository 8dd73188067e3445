// One thread of `make simulate`: runs the seeds that it is sent, and reports their outcome.
import { parentPort, workerData } from 'node:worker_threads'
import { drawPlan } from './draw-plan.ts'
import { simulate } from './simulate.ts'
import type { Totals } from './totals.ts'
import { add, noTotals } from './totals.ts'

export interface Task {
  readonly from: number
  readonly count: number
}

export interface Done {
  readonly totals: Totals
  readonly failedSeed: number | undefined
}

/** The seed being run, to find one that does not end. */
const current = new Int32Array(workerData as SharedArrayBuffer)

parentPort?.on('message', ({ from, count }: Task) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  void runAll(from, count).then((done) => parentPort?.postMessage(done))
})

async function runAll(from: number, count: number): Promise<Done> {
  const totals = noTotals()
  for (let seed = from; seed < from + count; seed++) {
    Atomics.store(current, 0, seed)
    const outcome = await simulate(drawPlan(seed))
    add(totals, outcome)
    if (outcome.breaches.length > 0) return { totals, failedSeed: seed }
  }
  return { totals, failedSeed: undefined }
}
