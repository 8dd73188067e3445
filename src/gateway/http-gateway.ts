import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressOf } from '#core/address.ts'
import type { Door } from '#core/door.ts'
import type { GatewayObserver } from '#core/gateway-observer.ts'
import type { Logger } from '#core/logger.ts'
import type { Publishing } from '#core/publishing.ts'
import type { SharedRateLimits } from '#core/rate-limits.ts'
import type { Clock } from '#runtime/clock.ts'
import { systemClock } from '#runtime/clock.ts'
import { createApp } from './app.ts'
import { ClientAddresses } from './client-address.ts'
import { Connections } from './connections.ts'
import { createHttpServer } from './http-server.ts'
import type { GatewayLimits } from './gateway-limits.ts'
import { defaultLimits } from './gateway-limits.ts'
import type { RateLimit } from './rate-limiter.ts'
import { RateLimiter } from './rate-limiter.ts'
import { Tokens } from './tokens.ts'

export interface HttpGatewayOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** In the API's description. */
  readonly version: string
  readonly doors: readonly Door[]
  /** The full name of a door's topic. */
  readonly topicName: (topicId: string) => string
  readonly publishing: Publishing
  /** Whether requests would be accepted now. While it drains a gateway is not ready either. */
  readonly isReady: () => boolean
  /** Bearer tokens, one a line; asked again every second. Undefined: everyone may ask. */
  readonly tokens?: (() => string) | undefined
  /** Of each client address. Undefined: none. */
  readonly rateLimit?: RateLimit | undefined
  readonly sharedRateLimits?: SharedRateLimits | undefined
  /** Addresses and networks (`10.0.0.0/8`) whose `X-Forwarded-For` counts. */
  readonly trustedProxies?: readonly string[]
  readonly limits?: Partial<GatewayLimits>
  readonly observer?: GatewayObserver
  readonly logger: Logger
  /** A line for each request. Default true. */
  readonly accessLog?: boolean
  readonly clock?: Clock
}

export interface HttpGateway extends AsyncDisposable {
  /** Without a trailing slash. */
  readonly url: string
  /** `host:port`. */
  readonly address: string
  /**
   * Stops listening, closes connections without a request, answers the open requests, and tells their clients that the
   * connection ends. What is open after the limit is closed without an answer. Resolves when no connection is left.
   */
  close(limitMs: number): Promise<void>
}

/**
 * Serves doors over HTTP.
 *
 * @throws RangeError where a trusted proxy is neither an address nor a network
 * @throws the socket's error where the address cannot be had
 */
export async function startHttpGateway(options: HttpGatewayOptions): Promise<HttpGateway> {
  const { host, port, logger, observer = {}, accessLog = true, clock = systemClock } = options
  const limits = { ...defaultLimits, ...options.limits }
  const connections = new Connections(limits.connections, limits.openRequests, observer)
  const clients = new ClientAddresses(options.trustedProxies ?? [])
  const app = await createApp({
    ...options,
    clock,
    connections,
    tokens: options.tokens && new Tokens(options.tokens, clock, logger),
    limiter:
      options.rateLimit && new RateLimiter({ ...options.rateLimit, shared: options.sharedRateLimits, clock }),
    createServer: (serve) =>
      createHttpServer(
        { limits, connections, clients, observer, accessLog: accessLog ? logger : undefined },
        serve,
      ),
  })
  const { server } = app
  await listening(server, host, port)
  const address = addressOf(host, (server.address() as AddressInfo).port)
  let closing: Promise<void> | undefined
  const close = (limitMs: number) => (closing ??= closed(server, connections, limitMs))
  return { url: `http://${address}`, address, close, [Symbol.asyncDispose]: () => close(0) }
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  // Of 511 that wait to be accepted, the rest of a burst would lose a second.
  server.listen({ port, host, backlog: 4096 })
  await once(server, 'listening')
}

async function closed(server: Server, connections: Connections, limitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  connections.drain()
  const timer = setTimeout(() => connections.closeAll(), limitMs)
  await promise
  clearTimeout(timer)
}
