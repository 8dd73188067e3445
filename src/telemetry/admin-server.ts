import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Metrics } from './metrics.ts'

export interface AdminServerOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly metrics: Metrics
  /** Why the process is not consuming; empty while it is. */
  readonly notReadyBecause: () => readonly string[]
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
  const { host, port, metrics, notReadyBecause, logger } = options
  const routes: Readonly<Record<string, Route>> = {
    '/healthz': (response) => sendJson(response, 200, { status: 'alive' }),
    '/readyz': (response) => {
      const reasons = notReadyBecause()
      sendJson(response, reasons.length === 0 ? 200 : 503, {
        status: reasons.length === 0 ? 'ready' : 'not ready',
        reasons,
      })
    },
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

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
