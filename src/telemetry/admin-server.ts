import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Metrics } from './metrics.ts'

/** What `/readyz` says. Each is empty while all is well. */
export interface Readiness {
  /** Why the process is not consuming. */
  readonly notReadyBecause: () => readonly string[]
  /** What it does without; it is consuming all the same. */
  readonly degradedBecause: () => readonly string[]
}

export interface AdminServerOptions extends Readiness {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly metrics: Metrics
  readonly logger: Logger
}

export interface AdminServer extends AsyncDisposable {
  /** Without a trailing slash. */
  readonly url: string
}

type Route = (response: ServerResponse) => Promise<void> | void

/**
 * `/healthz`, `/readyz`, `/metrics`: read-only, plain HTTP for probes and scrapers inside the house.
 *
 * @throws the socket's error where the address cannot be had
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { host, port, metrics, logger } = options
  const routes: Readonly<Record<string, Route>> = {
    '/healthz': (response) => sendJson(response, 200, { status: 'alive' }),
    '/readyz': (response) => sendReadiness(response, options),
    '/metrics': async (response) => {
      const text = await metrics.text()
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text)
    },
  }
  const server = createServer({ requestTimeout: 10_000, maxHeaderSize: 8192 }, (request, response) => {
    answer(routes, request, response).catch((error: unknown) => {
      logger.error({ error: messageOf(error) }, 'admin request failed')
      response.destroy()
    })
  })
  server.maxConnections = 64
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject)
  server.listen(port, host, () => listening.resolve())
  await listening.promise
  const { port: actual } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(
  routes: Readonly<Record<string, Route>>,
  { method, url = '/' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = url.split('?', 1)[0] as string
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (!route) return sendJson(response, 404, { error: 'not found', paths: Object.keys(routes) })
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return sendJson(response, 405, { error: 'only GET' })
  }
  await route(response)
}

function sendReadiness(response: ServerResponse, { notReadyBecause, degradedBecause }: Readiness): void {
  const missing = notReadyBecause()
  const lesser = degradedBecause()
  const status = missing.length > 0 ? 'not ready' : lesser.length > 0 ? 'degraded' : 'ready'
  sendJson(response, missing.length > 0 ? 503 : 200, { status, reasons: [...missing, ...lesser] })
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
