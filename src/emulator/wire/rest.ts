// The REST API, as the proto files describe it: each RPC has a verb, a path with fields in it, and says where the body
// goes. https://google.aip.dev/127, https://protobuf.dev/programming-guides/json/
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { JSONObject, JSONValue } from 'proto3-json-serializer'
import { toProto3JSON } from 'proto3-json-serializer'
import type { StatusName } from '../broker/status.ts'
import { StatusError, asStatusError, invalidArgument } from '../broker/status.ts'
import type { AllowedHosts } from './allowed-hosts.ts'
import { Connections } from './connections.ts'
import { detailsInJson } from './error-details.ts'
import type { FaultRoutes } from './fault-routes.ts'
import type { Answer } from './handlers.ts'
import { requestFrom } from './json-request.ts'
import { BodyReader, discardRest } from './request-body.ts'
import type { Rpcs } from './rpcs.ts'
import type { RpcSchema } from './schema.ts'
import { rpcs as schemas } from './schema.ts'

/** https://cloud.google.com/apis/design/errors#handling_errors */
const httpCodes: Partial<Record<StatusName, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  OUT_OF_RANGE: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
}

interface Route {
  readonly schema: RpcSchema
  readonly verb: string
  readonly pattern: RegExp
  /** The request's field that the path has: `topic`, or `topic.name`. */
  readonly field: string
  readonly body: string | undefined
}

const routes: readonly Route[] = schemas.flatMap((schema) =>
  schema.http ? [routeOf(schema, schema.http)] : [],
)

/** REST on connections that the listener has accepted. */
export class RestServer {
  readonly #rpcs: Rpcs
  readonly #faults: FaultRoutes | undefined
  readonly #allowedHosts: AllowedHosts
  readonly #bodies = new BodyReader()
  readonly #connections = new Connections()
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  #closing = false

  constructor(rpcs: Rpcs, faults: FaultRoutes | undefined, allowedHosts: AllowedHosts) {
    this.#rpcs = rpcs
    this.#faults = faults
    this.#allowedHosts = allowedHosts
  }

  accept(socket: Socket): void {
    this.#connections.add(socket)
    this.#server.emit('connection', socket)
  }

  /** Leaves calls under way some time to say how they end. */
  async close(): Promise<void> {
    this.#closing = true
    this.#server.closeIdleConnections()
    await this.#connections.closed()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    try {
      const answer = await this.#answer(request, gone.signal)
      // An injected fault: the caller waits for ever.
      if (answer !== undefined) this.#send(response, 200, answer)
    } catch (error) {
      const { status, message, info } = asStatusError(error)
      const code = httpCodes[status] ?? 500
      const details = info ? { details: detailsInJson(info) } : {}
      this.#send(response, code, { error: { code, message, status, ...details } })
    }
    discardRest(request)
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<JSONValue | undefined> {
    // Not by URL: it takes `//x` for a host, and throws at some of what may stand here.
    const [, authority, target = '/'] = /^(?:https?:\/\/([^/?]*))?(.*)$/i.exec(request.url ?? '/') ?? []
    const { origin, host } = request.headers
    const { localAddress } = request.socket
    this.#allowedHosts.check({ host, origin, localAddress })
    this.#allowedHosts.check({ host: authority, origin, localAddress })
    const [path = '', query = ''] = target.split('?', 2)
    if (path === '/' || path === '') return 'Ok'
    const body = await this.#bodies.read(request)
    const fault = this.#faults?.answer(request.method, path, body)
    if (fault) return fault as JSONValue
    const route = routes.find(({ verb, pattern }) => verb === request.method && pattern.test(path))
    if (!route) throw new StatusError('NOT_FOUND', `There is no ${request.method} ${path}.`)
    const message = requestFrom(route.schema.request, fieldsOf(route, path, query, body))
    const answer = await this.#rpcs.call(route.schema.name, message, signal)
    return answer && jsonOf(route.schema, answer)
  }

  #send(response: ServerResponse, code: number, body: JSONValue): void {
    const last = this.#closing ? { connection: 'close' } : {}
    const [type, text] =
      typeof body === 'string'
        ? ['text/plain', body]
        : ['application/json', JSON.stringify(body, undefined, 2)]
    response.writeHead(code, { 'content-type': type, 'x-content-type-options': 'nosniff', ...last })
    response.end(`${text}\n`)
  }
}

/** `/v1/{project=projects/*}/topics`: one field, whose slashes count, between two fixed parts. */
function routeOf(schema: RpcSchema, { verb, template, body }: NonNullable<RpcSchema['http']>): Route {
  const [, before = '', field = '', shape = '', after = ''] =
    /^([^{]*)\{([^=]+)=([^}]+)\}(.*)$/.exec(template) ?? []
  const parts = shape.split('*').map((part) => RegExp.escape(part))
  // What ends the path ends before a colon, where the verb begins that it has not.
  const last = after.startsWith('/') ? '[^/]+' : '[^/:]+'
  const value = parts.slice(0, -1).join('[^/]+') + last + (parts.at(-1) ?? '')
  const pattern = new RegExp(`^${RegExp.escape(before)}(${value})${RegExp.escape(after)}$`)
  return { schema, verb, pattern, field, body }
}

function fieldsOf(route: Route, path: string, query: string, body: string): JSONObject {
  const fields = { ...queryFields(query), ...bodyFields(route, body) }
  const value = decoded(route.pattern.exec(path)?.[1] ?? '')
  const [outer = '', inner] = route.field.split('.')
  if (inner === undefined) fields[outer] = value
  else fields[outer] = { ...(fields[outer] as JSONObject), [inner]: value }
  return fields
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalidArgument(`The path is wrongly encoded: ${text}`)
  }
}

function bodyFields({ body: field }: Route, text: string): JSONObject {
  if (field === undefined || text.trim() === '') return {}
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw invalidArgument(`Invalid JSON payload received. ${(error as Error).message}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalidArgument('Invalid JSON payload received. It must be an object.')
  }
  return (field === '*' ? json : { [field]: json }) as JSONObject
}

/** For Google's front end, not for the service. https://cloud.google.com/apis/docs/system-parameters */
const systemParameters = [
  'alt',
  'key',
  'fields',
  'prettyPrint',
  'quotaUser',
  'access_token',
  'callback',
  'oauth_token',
  'uploadType',
  'upload_protocol',
]

function queryFields(query: string): JSONObject {
  const all = [...new URLSearchParams(query)]
  return Object.fromEntries(all.filter(([name]) => !name.startsWith('$') && !systemParameters.includes(name)))
}

function jsonOf({ response }: RpcSchema, answer: Answer): JSONValue {
  const message = answer instanceof Uint8Array ? response.decode(answer) : response.fromObject(answer)
  return toProto3JSON(message)
}
