import type { Log } from './service.ts'

/** Starts one service, which prefers a port (0: any), and logs where it is and how long that took. */
export const announced = async <T extends { readonly port: number } | undefined>(
  name: string,
  preferred: number,
  log: Log,
  start: (port: number) => Promise<T>,
): Promise<T> => {
  const since = performance.now()
  const server = await start(preferred)
  if (server !== undefined) {
    const moved = preferred !== 0 && server.port !== preferred ? `, since ${preferred} is taken` : ''
    log(`${name} on port ${server.port}${moved} (${((performance.now() - since) / 1000).toFixed(1)} s)`)
  }
  return server
}
