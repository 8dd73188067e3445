import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { ServiceError } from './service.ts'

/** Services listen on this address only. */
export const host = '127.0.0.1'

const triesUpwards = 100
const attempts = 10

/** Binds `port` for a moment; returns the port it got, undefined when it is taken or not allowed. */
const tryPort = async (port: number): Promise<number | undefined> => {
  const server = createServer().listen({ host, port, exclusive: true })
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' || code === 'EACCES') return undefined
    throw error
  }
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : undefined
}

/**
 * A port that nothing listens on at 127.0.0.1: `preferred`, else the first free one of the next 100; 0: any.
 * Free now is not free later: start the service with `onFreePort`.
 */
export const freePort = async (preferred: number): Promise<number> => {
  const last = preferred === 0 ? 0 : Math.min(preferred + triesUpwards, 65_535)
  for (let port = preferred; port <= last; port += 1) {
    const got = await tryPort(port)
    if (got !== undefined) return got
  }
  throw new Error(`no free port between ${preferred} and ${last} on ${host}`)
}

const addressInUse = (error: unknown): boolean => {
  if (error instanceof ServiceError)
    return /address already in use|EADDRINUSE|failed to bind/i.test(error.output)
  const { code, cause } = error as NodeJS.ErrnoException
  return code === 'EADDRINUSE' || (cause !== undefined && addressInUse(cause))
}

/** Calls `start` with a free port, and with the next one when another process has taken that one meanwhile. */
export const onFreePort = async <T>(preferred: number, start: (port: number) => Promise<T>): Promise<T> => {
  let port = await freePort(preferred)
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(port)
    } catch (error) {
      if (attempt === attempts || !addressInUse(error)) throw error
      port = await freePort(preferred === 0 ? 0 : port + 1)
    }
  }
}

/** Resolves once a connection to `address` is accepted; rejects with the socket's error, or after `ms`. */
export const reach = async (address: { host: string; port: number }, ms: number): Promise<void> => {
  const socket = connect(address)
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(ms) })
  } finally {
    socket.destroy()
  }
}
