/** Time as the rest of the program sees it, so that tests can run it at will. */
export interface Clock {
  /** Monotonic, in ms; of use only in differences. */
  now(): number
  /** Unix time in ms. */
  unixMs(): number
  /** Calls `fn` once, after `ms`; the returned function prevents it. Keeps the process alive until then. */
  after(ms: number, fn: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  unixMs: () => Date.now(),
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`, or as soon as the signal aborts: the caller looks at the signal, nothing is thrown. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  const wake = () => resolve()
  const cancel = clock.after(ms, wake)
  signal?.addEventListener('abort', wake)
  return promise.finally(() => {
    cancel()
    signal?.removeEventListener('abort', wake)
  })
}
