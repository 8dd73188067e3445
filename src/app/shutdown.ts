/** A service, as far as it can be stopped. */
export interface Stoppable {
  /** Resolves, with the reason, after a fatal error. It does not stop on its own. */
  readonly failed: Promise<Error>
  /** Of what it has taken, what is not finished yet: deliveries, requests. */
  readonly outstanding: number
  /** What is wrong with it; empty without problems. */
  readonly problems: readonly string[]
  /** Takes no more, finishes what it has, closes everything. Repeatable. */
  stop(): Promise<void>
  /** Gives up what is not finished, with a short timeout, and returns how much that is. */
  abort(): Promise<number>
}

export interface ShutdownLimits {
  /** After this the graceful shutdown becomes a forced one. */
  readonly limitMs: number
  /** Aborts when the user forces the shutdown. */
  readonly forceStop: AbortSignal
  /** Called at once and every other second: with how much is not finished, and what blocks it. */
  readonly waiting?: (outstanding: number, because: readonly string[]) => void
}

const reportEveryMs = 2000

/**
 * Shuts down gracefully; by force once the time is up, or when the user asks for it.
 *
 * @returns how much was given up: 0 after a graceful shutdown
 */
export async function shutDown(
  service: Stoppable,
  { limitMs, forceStop, waiting }: ShutdownLimits,
): Promise<number> {
  const forced = Promise.withResolvers<'forced'>()
  const giveUp = () => forced.resolve('forced')
  if (forceStop.aborted) giveUp()
  forceStop.addEventListener('abort', giveUp)
  const limit = setTimeout(giveUp, limitMs)
  const report = () => waiting?.(service.outstanding, service.problems)
  report()
  const reporting = setInterval(report, reportEveryMs)
  const graceful = service.stop().then(() => 'graceful' as const)
  try {
    const how = await Promise.race([graceful, forced.promise])
    return how === 'graceful' ? 0 : await service.abort()
  } finally {
    clearInterval(reporting)
    clearTimeout(limit)
    forceStop.removeEventListener('abort', giveUp)
  }
}
