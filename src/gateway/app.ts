import type { RequestListener, Server } from 'node:http'
import { METHODS } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { fastify } from 'fastify'
import type { Door } from '#core/door.ts'
import { routeOf } from '#core/door.ts'
import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import type { Publishing } from '#core/publishing.ts'
import type { Clock } from '#runtime/clock.ts'
import { doorCheck, rateCheck, receivedOf, sendTooLarge, tokenCheck } from './request-checks.ts'
import type { Connections } from './connections.ts'
import { docsPage, docsPageHeaders } from './docs-page.ts'
import { doorRoute } from './door-route.ts'
import { openApiDocument } from './openapi.ts'
import type { RateLimiter } from './rate-limiter.ts'
import type { ReceivedRequest } from './received-request.ts'
import { jsonType, sendError, sendJson } from './json-responses.ts'
import type { Tokens } from './tokens.ts'

export interface AppOptions {
  readonly version: string
  readonly doors: readonly Door[]
  readonly topicName: (topicId: string) => string
  readonly publishing: Publishing
  readonly isReady: () => boolean
  readonly tokens: Tokens | undefined
  readonly limiter: RateLimiter | undefined
  readonly connections: Connections
  readonly logger: Logger
  readonly clock: Clock
  readonly createServer: (serve: RequestListener) => Server
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of metrics and log; absent where no operation takes the request. */
    readonly operation?: string
    /** Open to all and without a limit: probes have no tokens, and a probe that is refused restarts what is well. */
    readonly isProbe?: boolean
  }
}

/** The routes of a gateway, and what it answers to anything else. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    serverFactory: (serve) => options.createServer(serve),
    genReqId: (raw) => (raw as ReceivedRequest).id,
    routerOptions: { querystringParser: (text) => new URLSearchParams(text) as never },
    // Before the hooks.
    frameworkErrors: (_, { id }, reply) =>
      sendError(reply as FastifyReply, 400, 'not a valid path', { headers: { 'x-request-id': id } }),
  })
  for (const method of METHODS) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.decorateRequest('principal', '')
  addHooks(app, options)
  answerErrors(app, options.logger)
  for (const door of options.doors) addDoor(app, door, options)
  addPages(app, options)
  addProbes(app, options)
  addOtherMethods(app, options.doors)
  await app.ready()
  return app
}

function addHooks(app: FastifyInstance, { limiter, connections }: AppOptions): void {
  app.addHook('onRequest', (request, _, done) => {
    const { operation } = request.routeOptions.config
    if (operation !== undefined) receivedOf(request).route = operation
    done()
  })
  if (limiter) app.addHook('onRequest', rateCheck(limiter))
  // Before its body is read.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) sendError(reply, 404, 'not found')
    else done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    reply.header('x-request-id', request.id)
    if (connections.endsWithNext(request.raw.socket)) reply.header('connection', 'close')
    done(null, payload)
  })
}

function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { statusCode = 500 } = error
    // A body that was cut off, or is not as long as its headers promised.
    if (statusCode >= 400 && statusCode < 500) return sendError(reply, statusCode, 'malformed request')
    const { route } = receivedOf(request)
    logger.error({ requestId: request.id, route, error: messageOf(error) }, 'request failed')
    sendError(reply, 500, 'internal error')
  })
}

function addDoor(app: FastifyInstance, door: Door, options: AppOptions): void {
  const { tokens } = options
  app.route({
    method: door.method,
    url: door.path,
    config: { operation: routeOf(door) },
    // 0 is refused; a door without a body refuses every one by its headers.
    bodyLimit: Math.max(1, door.maxBodyBytes),
    onRequest: [...(tokens ? [tokenCheck(tokens)] : []), doorCheck(door)],
    handler: doorRoute({ ...options, door, topic: options.topicName(door.topicId) }),
    errorHandler: (error, _, reply) => {
      if (error.code !== 'FST_ERR_CTP_BODY_TOO_LARGE') throw error
      sendTooLarge(reply, door)
    },
  })
}

function addPages(app: FastifyInstance, { doors, version, tokens, limiter }: AppOptions): void {
  const document = openApiDocument({
    doors,
    version,
    hasTokens: tokens !== undefined,
    hasRateLimit: limiter !== undefined,
  })
  const text = JSON.stringify(document)
  const page = docsPage(document)
  app.get('/openapi.json', { config: { operation: 'GET /openapi.json' } }, (_, reply) =>
    reply.header('content-type', jsonType).send(text),
  )
  app.get('/docs', { config: { operation: 'GET /docs' } }, (_, reply) =>
    reply.headers(docsPageHeaders).send(page),
  )
}

function addProbes(app: FastifyInstance, { connections, isReady }: AppOptions): void {
  const probe = (path: string, answer: (reply: FastifyReply) => void) =>
    app.get(path, { config: { operation: `GET ${path}`, isProbe: true } }, (_, reply) => {
      reply.header('cache-control', 'no-store')
      answer(reply)
    })
  probe('/healthz', (reply) => sendJson(reply, 200, { status: 'alive' }))
  probe('/readyz', (reply) => {
    // Without the reasons, which name servers of ours: clients can ask, too.
    const status = connections.isDraining ? 'draining' : isReady() ? 'ready' : 'not ready'
    sendJson(reply, status === 'ready' ? 200 : 503, { status })
  })
}

/** What a path's own methods leave: 405, which names them; OPTIONS, without CORS. */
function addOtherMethods(app: FastifyInstance, doors: readonly Door[]): void {
  const pages = ['/openapi.json', '/docs', '/healthz', '/readyz']
  const methods = new Map<string, string[]>(pages.map((path) => [path, ['GET', 'HEAD']]))
  for (const { path, method } of doors) methods.set(path, [...(methods.get(path) ?? []), method])
  for (const [path, own] of methods) {
    const allow = [...own, 'OPTIONS'].join(', ')
    app.route({
      // Requests for a tunnel (CONNECT) are closed by Node.js.
      method: METHODS.filter((method) => method !== 'CONNECT' && !own.includes(method)),
      url: path,
      // Before its body is read.
      onRequest: (request, reply) => {
        if (request.method === 'OPTIONS') void reply.code(204).header('allow', allow).send()
        else sendError(reply, 405, `method not allowed; use ${own.join(' or ')}`, { headers: { allow } })
      },
      handler: () => undefined,
    })
  }
}
