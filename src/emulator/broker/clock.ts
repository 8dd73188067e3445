/** Time as the emulator sees it, so that a test can let it pass at will. */
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
