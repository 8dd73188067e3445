/** The user's signals: the first asks for a graceful shutdown, the second forces it. */
export interface StopSignals extends Disposable {
  /** First SIGINT or SIGTERM. */
  readonly stop: AbortSignal
  /** Second one. */
  readonly forceStop: AbortSignal
}

/** Takes over SIGINT and SIGTERM; `onStop` is called at the first, `onForceStop` at the second. */
export function stopSignals(onStop: () => void = () => {}, onForceStop: () => void = () => {}): StopSignals {
  const stop = new AbortController()
  const forceStop = new AbortController()
  const heard = () => {
    if (forceStop.signal.aborted) return
    if (stop.signal.aborted) {
      forceStop.abort()
      return onForceStop()
    }
    stop.abort()
    onStop()
  }
  process.on('SIGINT', heard)
  process.on('SIGTERM', heard)
  return {
    stop: stop.signal,
    forceStop: forceStop.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', heard)
      process.off('SIGTERM', heard)
    },
  }
}
