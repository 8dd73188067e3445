import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { GrpcServer } from './grpc.ts'
import type { RestServer } from './rest.ts'

/** How HTTP/2 without TLS begins; https://www.rfc-editor.org/rfc/rfc9113#section-3.4 */
const preface = 'PRI '

export interface Listener {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/**
 * One port for gRPC and REST: the first bytes of a connection say whose it is.
 *
 * @throws Error with code EADDRINUSE if the port is taken
 */
export async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  grpc: GrpcServer,
  rest: RestServer,
): Promise<Listener> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A client that disconnects before the first byte belongs to neither protocol.
    socket.on('error', () => {})
    sniff(socket, (first) => {
      if (first.startsWith(preface)) grpc.accept(socket)
      else rest.accept(socket)
    })
  })
  server.listen({ host, port })
  await once(server, 'listening')
  return {
    host,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close()
      await Promise.all([grpc.close(), rest.close()])
      // Those who never said what they want.
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Looks at as many bytes as it takes to tell, and puts them back: they may come one by one. */
function sniff(socket: Socket, then: (first: string) => void, seen: Buffer = Buffer.alloc(0)): void {
  socket.once('readable', () => {
    const chunk = socket.read() as Buffer | null
    if (!chunk) return
    const first = Buffer.concat([seen, chunk])
    const text = first.toString('latin1', 0, preface.length)
    if (text.length < preface.length && preface.startsWith(text)) return sniff(socket, then, first)
    socket.unshift(first)
    then(text)
  })
}
