import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import type { TlsSettings } from './tls-options.ts'
import { tlsOptions } from './tls-options.ts'

/** Where the server of a connection listens. */
export interface CancelTarget extends TlsSettings {
  readonly host: string
  readonly port: number
}

/** What the server, or a pooler in its place, has given a connection to cancel its statements by. */
interface BackendKey {
  readonly processID?: number | null
  readonly secretKey?: number | null
}

const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
const cancelRequestCode = 80_877_102
const limitMs = 5000

/**
 * Asks the server to cancel what runs on a connection, on a connection of its own, encrypted as that one is. A pooler
 * passes it on. The server does not say whether it did anything, so this never rejects.
 * https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export async function requestCancel(client: object, target: CancelTarget): Promise<void> {
  const { processID, secretKey } = client as BackendKey
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return
  const request = Buffer.alloc(16)
  for (const [at, value] of [16, cancelRequestCode, processID, secretKey].entries())
    request.writeInt32BE(value, 4 * at)
  const signal = AbortSignal.timeout(limitMs)
  const { host, port } = target
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  try {
    await once(socket, 'connect', { signal })
    const tls = tlsOptions(target)
    const line = tls === false ? socket : await encrypted(socket, host, tls, signal)
    // Not ended: PgBouncer drops the request of a client that has closed its side.
    line.write(request)
    await once(line.resume(), 'close', { signal })
  } catch {
    // Then the client gives up on the statement a little later.
  } finally {
    socket.destroy()
  }
}

async function encrypted(
  socket: Socket,
  host: string,
  tls: ConnectionOptions,
  signal: AbortSignal,
): Promise<Socket> {
  socket.write(sslRequest)
  const [answer] = (await once(socket, 'data', { signal })) as [Buffer]
  if (answer.toString() !== 'S') throw new Error('The server does not support SSL connections')
  const name = isIP(host) === 0 ? { servername: host } : {}
  const line = connectTls({ socket, host, ...tls, ...name })
  await once(line, 'secureConnect', { signal })
  return line
}
