import type { Door } from '#core/door.ts'
import { requestIdSchema } from './received-request.ts'
import { idempotencyKeySchema } from './request-identity.ts'

/** https://spec.openapis.org/oas/v3.1.1.html */
export interface OpenApiDocument {
  readonly openapi: '3.1.1'
  readonly info: Json
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>
  readonly components: Json
}

export type Json = Readonly<Record<string, unknown>>

export interface OpenApiOptions {
  readonly doors: readonly Door[]
  readonly version: string
  readonly hasTokens: boolean
  readonly hasRateLimit: boolean
}

/** Describes the doors by their operations, with what the gateway adds to each, and its own pages. */
export function openApiDocument(options: OpenApiOptions): OpenApiDocument {
  const paths: Record<string, Record<string, Json>> = {}
  for (const door of options.doors) {
    const path = door.path.replace(/:([A-Za-z_]\w*)/g, '{$1}')
    paths[path] = { ...paths[path], [door.method.toLowerCase()]: operationOf(door, options) }
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Ingester gateway', version: options.version, description },
    paths: { ...paths, ...ownPaths },
    components: {
      schemas: { Error: errorSchema },
      parameters: { IdempotencyKey: idempotencyKey, RequestId: requestId },
      headers: { ...headersOf },
      responses: responsesOf(options),
      ...(options.hasTokens && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
  }
}

const description = `Requests become messages of Google Cloud Pub/Sub. The answer comes when the broker has confirmed them.

- confirmed: the request counts, exactly once, unless its description says otherwise
- 503 with code \`not-sent\`: it does not count; retry later
- 503 with code \`outcome-unknown\`: it may count; retry with the same \`Idempotency-Key\`, and it counts once`

function operationOf(door: Door, { hasTokens, hasRateLimit }: OpenApiOptions): Json {
  const { parameters, responses, ...rest } = door.operation
  const common: readonly (readonly [status: number, name: string, is: boolean])[] = [
    [400, 'Invalid', true],
    [401, 'Unauthorized', hasTokens],
    [405, 'MethodNotAllowed', true],
    [413, 'TooLarge', door.contentType !== undefined],
    [415, 'UnsupportedMediaType', true],
    [429, 'TooManyRequests', hasRateLimit],
    [500, 'Internal', true],
    [503, 'NotConfirmed', true],
  ]
  const added = common.filter(([, , is]) => is).map(([status, name]) => [status, ref('responses', name)])
  return {
    ...rest,
    parameters: [
      ...((parameters as readonly unknown[] | undefined) ?? []),
      ref('parameters', 'IdempotencyKey'),
      ref('parameters', 'RequestId'),
    ],
    responses: {
      [door.accepted.status]: { description: 'The broker has confirmed it.' },
      ...(Object.fromEntries(added) as Json),
      ...(responses as Json | undefined),
    },
    ...(hasTokens && { security: [{ token: [] }] }),
  }
}

const ref = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` })

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: { type: 'string', description: 'For people.' },
    code: { type: 'string', description: 'For programs, where a status has several meanings.' },
  },
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Names the request, in 1 to 255 visible ASCII characters: however often it is sent with its key, it counts once. ' +
    'A new request needs a new key: of two that differ under one key, the first counts, and the second never does, although it is ' +
    'answered with success. A key must be unique among all clients that share a bearer token (all clients, where there are no ' +
    'tokens). Retry with the bearer token of the first attempt: with another it is another request. Keys are remembered for ' +
    '24 hours from their first use, unless the operator has configured another time.',
  schema: idempotencyKeySchema,
}

const requestId = {
  name: 'X-Request-Id',
  in: 'header',
  description: 'Appears in the log and in the response. Without it, the gateway makes one.',
  schema: requestIdSchema,
}

const header = (description: string, type = 'integer') => ({ description, schema: { type } })

const headersOf = {
  'X-Request-Id': header('Of the request, or a new one', 'string'),
  'Retry-After': header('Seconds to wait before the next attempt'),
  'RateLimit-Limit': header('Requests a window'),
  'RateLimit-Remaining': header('Requests left in the current window'),
  'RateLimit-Reset': header('Seconds to the end of the current window'),
  'RateLimit-Policy': header('Requests, and seconds of a window', 'string'),
  Allow: header('Methods of this path', 'string'),
  'WWW-Authenticate': header('Bearer', 'string'),
}

function responsesOf({ hasTokens, hasRateLimit }: OpenApiOptions): Json {
  return {
    Invalid: failure('Something is missing or invalid; `error` says what.'),
    ...(hasTokens && {
      Unauthorized: failure('The bearer token is missing or invalid.', ['WWW-Authenticate']),
    }),
    MethodNotAllowed: failure('The path has other methods.', ['Allow']),
    TooLarge: failure('The body is too long.'),
    UnsupportedMediaType: failure('The body has another type, or is encoded.'),
    ...(hasRateLimit && { TooManyRequests: failure('The rate limit is exceeded.', rateHeaders) }),
    Internal: failure('The gateway has failed; whether the request counts is not known.'),
    NotConfirmed: failure(
      'Code `not-sent`: it does not count; retry later. Code `outcome-unknown`: it may count; retry with the same key.',
      ['Retry-After'],
    ),
  }
}

const rateHeaders = [
  'Retry-After',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'RateLimit-Policy',
]

function failure(text: string, headers: readonly string[] = []): Json {
  const all = ['X-Request-Id', ...headers]
  return {
    description: text,
    headers: Object.fromEntries(all.map((name) => [name, ref('headers', name)])),
    content: { 'application/json': { schema: ref('schemas', 'Error') } },
  }
}

const page = (summary: string, type: string, more: Json = {}) => ({
  get: {
    summary,
    security: [],
    responses: { 200: { description: 'OK', content: { [type]: {} } }, ...more },
  },
})

const ownPaths = {
  '/healthz': page('Whether the process is alive', 'application/json'),
  '/readyz': page('Whether requests would be accepted', 'application/json', {
    503: {
      description: 'They would not; the log and the admin server say why.',
      content: { 'application/json': {} },
    },
  }),
  '/openapi.json': page('This description', 'application/json'),
  '/docs': page('This description as a page', 'text/html'),
}
