/** Undefined after a forced stop, perhaps because the database does not answer. */
export async function unlessForced<T>(
  forceStop: AbortSignal,
  look: () => Promise<T>,
): Promise<T | undefined> {
  if (forceStop.aborted) return undefined
  const left = Promise.withResolvers<undefined>()
  forceStop.addEventListener('abort', () => left.resolve(undefined))
  return Promise.race([look(), left.promise])
}
