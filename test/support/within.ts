/** Rejects if it takes longer, so that what is open is closed all the same. */
export async function within<T>(what: string, promise: Promise<T>, ms = 30_000): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`never came: ${what}`)), ms)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
