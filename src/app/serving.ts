/** Log levels that include the startup summary. */
export const startupLogLevels: ReadonlySet<string> = new Set(['trace', 'debug', 'info'])

export function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal.aborted) resolve(undefined)
  signal.addEventListener('abort', () => resolve(undefined), { once: true })
  return promise
}
