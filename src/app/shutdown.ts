import type { Ingester } from './ingester.ts'

export interface ShutdownLimits {
  /** After this the graceful shutdown becomes a forced one. */
  readonly limitMs: number
  /** Aborts when the user forces the shutdown. */
  readonly forceStop: AbortSignal
  /** Called at once and every other second: with the number of unsettled deliveries, and what blocks them. */
  readonly waiting?: (outstanding: number, because: readonly string[]) => void
}

const reportEveryMs = 2000

/**
 * Shuts down gracefully; by force once the time is up, or when the user asks for it.
 *
 * @returns how many deliveries were nacked: 0 after a graceful shutdown
 */
export async function shutDown(
  ingester: Ingester,
  { limitMs, forceStop, waiting }: ShutdownLimits,
): Promise<number> {
  const forced = Promise.withResolvers<'forced'>()
  const giveUp = () => forced.resolve('forced')
  if (forceStop.aborted) giveUp()
  forceStop.addEventListener('abort', giveUp)
  const limit = setTimeout(giveUp, limitMs)
  const report = () => waiting?.(ingester.outstanding, ingester.problems)
  report()
  const reporting = setInterval(report, reportEveryMs)
  const graceful = ingester.stop().then(() => 'graceful' as const)
  try {
    const how = await Promise.race([graceful, forced.promise])
    return how === 'graceful' ? 0 : await ingester.abort()
  } finally {
    clearInterval(reporting)
    clearTimeout(limit)
    forceStop.removeEventListener('abort', giveUp)
  }
}
