import type { Ingester } from './ingester.ts'

export interface ShutdownLimits {
  /** After this the soft stop becomes a hard one. */
  readonly limitMs: number
  /** Aborts when the user forces a stop. */
  readonly forceStop: AbortSignal
  /** Called at once and every other second: with the number of unsettled deliveries, and what blocks them. */
  readonly waiting?: (outstanding: number, because: readonly string[]) => void
}

const reportEveryMs = 2000

/**
 * Stops softly, and hard when the limits are reached.
 *
 * @returns how many deliveries were nacked: 0 after a soft stop
 */
export async function shutDown(
  ingester: Ingester,
  { limitMs, forceStop, waiting }: ShutdownLimits,
): Promise<number> {
  const hardStop = Promise.withResolvers<'hard'>()
  const giveUp = () => hardStop.resolve('hard')
  if (forceStop.aborted) giveUp()
  forceStop.addEventListener('abort', giveUp)
  const limit = setTimeout(giveUp, limitMs)
  const report = () => waiting?.(ingester.outstanding, ingester.problems)
  report()
  const reporting = setInterval(report, reportEveryMs)
  const soft = ingester.stop().then(() => 'soft' as const)
  try {
    const how = await Promise.race([soft, hardStop.promise])
    return how === 'soft' ? 0 : await ingester.abort()
  } finally {
    clearInterval(reporting)
    clearTimeout(limit)
    forceStop.removeEventListener('abort', giveUp)
  }
}
