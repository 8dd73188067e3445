import type { RequestListener, Server } from 'node:http'
import { STATUS_CODES, createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { GatewayObserver } from '#core/gateway-observer.ts'
import type { Logger } from '#core/logger.ts'
import type { ClientAddresses } from './client-address.ts'
import type { Connections } from './connections.ts'
import type { GatewayLimits } from './gateway-limits.ts'
import { ReceivedRequest, requestIdFrom } from './received-request.ts'

export interface HttpServerOptions {
  readonly limits: GatewayLimits
  readonly connections: Connections
  readonly clients: ClientAddresses
  readonly observer: GatewayObserver
  /** Undefined: no line for each request. */
  readonly accessLog: Logger | undefined
}

/** Of a request whose client left before it had an answer; nginx's number for it. */
const clientGone = 499

/** A server within limits, which tells observer and log of each request's end. */
export function createHttpServer(options: HttpServerOptions, serve: RequestListener): Server {
  const { limits, connections, observer } = options
  const server = createServer({
    IncomingMessage: ReceivedRequest,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: 500,
    // Probes of the kernel end connections whose client has vanished.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  })
  server.timeout = limits.silenceMs
  const begin = beginning(options, serve)
  server.on('connection', (socket) => connections.accept(socket))
  server.on('request', begin)
  // Without a listener Node.js asks for every body, even one that is going to be refused.
  server.on('checkContinue', (request: ReceivedRequest, response) => {
    request.awaitsContinue = true
    begin(request, response)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const status = statusOf(error)
    if (status !== undefined && socket.writable && connections.isAnswerable(socket)) {
      observer.malformed?.(status)
      socket.write(malformedResponse(status))
    }
    socket.destroy()
  })
  return server
}

function beginning(options: HttpServerOptions, serve: RequestListener<typeof ReceivedRequest>) {
  const { connections, clients, observer, accessLog } = options
  const ended = (request: ReceivedRequest, status: number) => {
    if (request.hasEnded) return
    request.hasEnded = true
    const ms = performance.now() - request.beganMs
    observer.answered?.({ route: request.route, status, seconds: ms / 1000 })
    accessLog?.info(
      {
        requestId: request.id,
        client: request.client,
        method: request.method,
        route: request.route,
        status,
        ms: Math.round(ms * 100) / 100,
        ...(request.why === undefined ? undefined : { why: request.why }),
      },
      'request',
    )
  }
  const begin: RequestListener<typeof ReceivedRequest> = (request, response) => {
    const { socket } = request
    const open = { gone: () => ended(request, clientGone), isComplete: () => request.complete }
    request.id = requestIdFrom(request.headers['x-request-id'])
    request.client = clients.of(socket, request.headers['x-forwarded-for'])
    observer.began?.()
    if (!connections.began(socket, open)) {
      open.gone()
      socket.destroy()
      return
    }
    response.once('finish', () => {
      connections.answered(socket, open)
      ended(request, response.statusCode)
    })
    serve(request, response)
  }
  return begin as RequestListener
}

/** Undefined: the client cannot be answered. */
function statusOf({ code = '' }: NodeJS.ErrnoException): number | undefined {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413
  return code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE' ? 400 : undefined
}

const malformedErrors: Readonly<Record<number, string>> = {
  400: 'not an HTTP request',
  408: 'the request did not arrive in time',
  413: 'chunk extensions are too long',
  431: 'the headers are too long',
}

function malformedResponse(status: number): string {
  const body = JSON.stringify({ error: malformedErrors[status] })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
