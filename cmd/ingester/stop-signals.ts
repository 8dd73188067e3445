/** The user's wish to end: politely at first, now at the second signal. */
export interface StopSignals extends Disposable {
  /** First SIGINT or SIGTERM. */
  readonly stop: AbortSignal
  /** Second one. */
  readonly hurry: AbortSignal
}

/** Takes over SIGINT and SIGTERM; `onStop` is called at the first, `onHurry` at the second. */
export function stopSignals(onStop: () => void = () => {}, onHurry: () => void = () => {}): StopSignals {
  const stop = new AbortController()
  const hurry = new AbortController()
  const heard = () => {
    if (hurry.signal.aborted) return
    if (stop.signal.aborted) {
      hurry.abort()
      return onHurry()
    }
    stop.abort()
    onStop()
  }
  process.on('SIGINT', heard)
  process.on('SIGTERM', heard)
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', heard)
      process.off('SIGTERM', heard)
    },
  }
}
