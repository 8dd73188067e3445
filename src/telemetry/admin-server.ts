import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressOf } from '#core/address.ts'
import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import { ConnectionLimits } from './connection-limits.ts'
import type { Metrics } from './metrics.ts'
import type { Readiness } from './readiness.ts'
import { readinessReport } from './readiness.ts'

export interface AdminServerOptions extends Readiness {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly metrics: Metrics
  readonly logger: Logger
  /** What `/readyz` is about, for the list of paths. */
  readonly readyWhile?: string
}

export interface AdminServer extends AsyncDisposable {
  /** Without a trailing slash. */
  readonly url: string
}

interface Route {
  /** Shown at `/`. */
  readonly summary: string
  readonly answer: (response: ServerResponse, query: string) => Promise<void> | void
}

/** A request must have arrived completely within this time, and its response been read. */
const exchangeTimeoutMs = 5000
/** A monitoring system needs few connections; a client with more is faulty or hostile. */
const connectionBounds = { perAddress: 64, total: 256 }

/**
 * `/healthz`, `/readyz`, `/metrics`: read-only, plain HTTP for probes and scrapers on the internal network. Whatever its
 * clients do, a probe is answered: a pod whose probes fail is restarted.
 *
 * @throws the socket's error where the address cannot be had
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { host, port, metrics, logger, readyWhile = 'every pipeline consumes' } = options
  const metricsText = throttled(() => metrics.text())
  const routes: Readonly<Record<string, Route>> = {
    '/healthz': {
      summary: '200 while the process is alive',
      answer: (response) => sendJson(response, 200, { status: 'alive' }),
    },
    '/readyz': {
      summary: `200 while ${readyWhile}, else 503 with the reasons; ?any: while one does`,
      answer: (response, query) => sendReadiness(response, options, query),
    },
    '/metrics': {
      summary: 'metrics as Prometheus text',
      answer: async (response) => send(response, 200, metrics.contentType, await metricsText()),
    },
  }
  const limits = new ConnectionLimits(connectionBounds)
  const server = boundedServer(limits, (request, response) => {
    answer(routes, request, response).catch((error: unknown) => {
      logger.error({ error: messageOf(error) }, 'admin request failed')
      response.destroy()
    })
  })
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject)
  server.listen(port, host, () => listening.resolve())
  await listening.promise
  const { port: actual } = server.address() as AddressInfo
  return {
    url: `http://${addressOf(host, actual)}`,
    [Symbol.asyncDispose]: async () => {
      limits.closeAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/**
 * What `make` returns, for all who ask at the same time or soon after: however many ask, making it takes a tenth of this
 * process's time at most. It takes milliseconds, which the messages would miss.
 */
function throttled(make: () => Promise<string>): () => Promise<string> {
  let latest: Promise<string> | undefined
  let freshUntilMs = 0
  const renew = async () => {
    const beganMs = performance.now()
    freshUntilMs = Infinity
    // A failure is not kept: the next request tries again.
    let keptMs = 0
    try {
      const text = await make()
      keptMs = Math.min(9 * (performance.now() - beganMs), 1000)
      return text
    } finally {
      freshUntilMs = performance.now() + keptMs
    }
  }
  return () => {
    if (latest === undefined || performance.now() >= freshUntilMs) latest = renew()
    return latest
  }
}

/** A server whose connections end when their bounds or their time are exceeded. */
function boundedServer(
  limits: ConnectionLimits,
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createServer({
    headersTimeout: exchangeTimeoutMs,
    requestTimeout: exchangeTimeoutMs,
    keepAliveTimeout: exchangeTimeoutMs,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 8192,
  })
  server.on('connection', (socket) => limits.accept(socket))
  server.on('request', (request, response) => {
    const answered = limits.answering(request.socket)
    const timer = setTimeout(() => request.socket.resetAndDestroy(), exchangeTimeoutMs)
    response.once('close', () => {
      clearTimeout(timer)
      answered()
    })
    respond(request, response)
  })
  return server
}

async function answer(
  routes: Readonly<Record<string, Route>>,
  { method, url = '/' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = '', query = ''] = url.split('?', 2)
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (!route && path !== '/')
    return sendJson(response, 404, { error: 'not found', paths: Object.keys(routes) })
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return sendJson(response, 405, { error: 'only GET' })
  }
  if (route) await route.answer(response, query)
  else send(response, 200, 'text/plain; charset=utf-8', indexOf(routes))
}

function indexOf(routes: Readonly<Record<string, Route>>): string {
  return Object.entries(routes)
    .map(([path, { summary }]) => `${path.padEnd(10)} ${summary}\n`)
    .join('')
}

function sendReadiness(response: ServerResponse, readiness: Readiness, query: string): void {
  const report = readinessReport(readiness, isSet(query, 'any'))
  sendJson(response, report.status === 'not ready' ? 503 : 200, report)
}

/** `?any`, `?any=1`, but not `?any=0`. */
function isSet(query: string, name: string): boolean {
  const value = new URLSearchParams(query).get(name)
  return value !== null && !/^(?:0|false|no|off)$/i.test(value)
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`)
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  response.writeHead(status, headers).end(text)
}
