import type { Resolved } from './resolve.ts'
import type { Secret } from './secrets.ts'
import type { Values, Variable } from './spec.ts'

/** One part of the configuration: its variables, and how their values are converted. */
export interface Part<T> {
  readonly variables: readonly Variable[]
  readonly of: (values: Values, resolved: Resolved) => T
}

/** Of a part is made only what its own variables say. */
function part<const V extends Variable, T>(
  variables: readonly V[],
  of: (values: Pick<Values, V>, resolved: Resolved) => T,
): Part<T> {
  return { variables, of }
}

/** Of certificates Node.js itself reads this when it starts, and not again. */
const authoritiesFile = ({ values }: Resolved) => values['NODE_EXTRA_CA_CERTS']

function pipelinesOf(values: Pick<Values, 'INGESTER_PIPELINE' | 'INGESTER_PIPELINES'>): readonly string[] {
  return values.INGESTER_PIPELINES ?? [values.INGESTER_PIPELINE]
}

/** All that can be set, by who uses it. Times in ms, sizes in bytes. */
export const parts = {
  /** Names and paths, at least one. */
  pipelines: part(['INGESTER_PIPELINE', 'INGESTER_PIPELINES'], pipelinesOf),
  pubsub: part(
    ['INGESTER_PROJECTID', 'INGESTER_TOPICID', 'INGESTER_SUBSCRIPTIONID', 'PUBSUB_EMULATOR_HOST'],
    (values) => ({
      projectId: values.INGESTER_PROJECTID,
      /** Undefined: the pipeline's own. */
      topicId: values.INGESTER_TOPICID,
      subscriptionId: values.INGESTER_SUBSCRIPTIONID,
      emulatorHost: values.PUBSUB_EMULATOR_HOST,
    }),
  ),
  consumer: part(
    ['INGESTER_ACK_DEADLINE', 'INGESTER_MAX_OUTSTANDING_MESSAGES', 'INGESTER_MAX_OUTSTANDING_BYTES'],
    (values) => ({
      ackDeadlineMs: values.INGESTER_ACK_DEADLINE,
      maxOutstandingMessages: values.INGESTER_MAX_OUTSTANDING_MESSAGES,
      maxOutstandingBytes: values.INGESTER_MAX_OUTSTANDING_BYTES,
    }),
  ),
  limits: part(['INGESTER_MAX_MESSAGE_BYTES', 'INGESTER_MAX_CLOCK_SKEW'], (values) => ({
    maxMessageBytes: values.INGESTER_MAX_MESSAGE_BYTES,
    maxClockSkewMs: values.INGESTER_MAX_CLOCK_SKEW,
  })),
  /** One connection. */
  postgres: part(
    [
      'INGESTER_POSTGRES_URL',
      'INGESTER_POSTGRES_HOST',
      'INGESTER_POSTGRES_PORT',
      'INGESTER_POSTGRES_USER',
      'INGESTER_POSTGRES_PASSWORD',
      'INGESTER_POSTGRES_DB',
      'INGESTER_POSTGRES_SSL_MODE',
      'INGESTER_POSTGRES_STATEMENT_TIMEOUT',
    ],
    (values, resolved) => ({
      host: values.INGESTER_POSTGRES_HOST,
      port: values.INGESTER_POSTGRES_PORT,
      user: values.INGESTER_POSTGRES_USER,
      password: resolved.secrets.get('INGESTER_POSTGRES_PASSWORD') as Secret,
      database: values.INGESTER_POSTGRES_DB,
      sslMode: values.INGESTER_POSTGRES_SSL_MODE,
      authoritiesFile: authoritiesFile(resolved),
      statementTimeoutMs: values.INGESTER_POSTGRES_STATEMENT_TIMEOUT,
    }),
  ),
  redis: part(
    [
      'INGESTER_REDIS_URL',
      'INGESTER_REDIS_ENABLED',
      'INGESTER_REDIS_ADDR',
      'INGESTER_REDIS_PASSWORD',
      'INGESTER_REDIS_DB',
      'INGESTER_REDIS_TLS',
      'INGESTER_REDIS_TTL',
      'INGESTER_REDIS_CLAIMS',
    ],
    (values, resolved) => ({
      enabled: values.INGESTER_REDIS_ENABLED,
      ...values.INGESTER_REDIS_ADDR,
      password: resolved.secrets.get('INGESTER_REDIS_PASSWORD'),
      db: values.INGESTER_REDIS_DB,
      tls: values.INGESTER_REDIS_TLS,
      authoritiesFile: authoritiesFile(resolved),
      ttlMs: values.INGESTER_REDIS_TTL,
      claims: values.INGESTER_REDIS_CLAIMS,
    }),
  ),
  engine: part(
    [
      'INGESTER_PIPELINE',
      'INGESTER_PIPELINES',
      'INGESTER_WORKER_COUNT',
      'INGESTER_POSTGRES_POOL_SIZE',
      'INGESTER_MAX_BATCH_SIZE',
      'INGESTER_MAX_BATCH_BYTES',
      'INGESTER_FLUSH_INTERVAL',
      'INGESTER_DELETE_HORIZON',
      'INGESTER_IDEMPOTENCY_WINDOW',
      'INGESTER_IDENTITY_HORIZON',
    ],
    (values) => ({
      workers: values.INGESTER_WORKER_COUNT,
      poolSize:
        values.INGESTER_POSTGRES_POOL_SIZE ?? (values.INGESTER_WORKER_COUNT + 2) * pipelinesOf(values).length,
      maxBatchRecords: values.INGESTER_MAX_BATCH_SIZE,
      maxBatchBytes: values.INGESTER_MAX_BATCH_BYTES,
      flushIntervalMs: values.INGESTER_FLUSH_INTERVAL,
      deleteHorizonMs: values.INGESTER_DELETE_HORIZON,
      identityHorizonMs: values.INGESTER_IDENTITY_HORIZON,
      idempotencyWindowMs: values.INGESTER_IDEMPOTENCY_WINDOW,
    }),
  ),
  /** For a command that needs no more of the engine. */
  horizons: part(['INGESTER_DELETE_HORIZON', 'INGESTER_IDENTITY_HORIZON'], (values) => ({
    deleteMs: values.INGESTER_DELETE_HORIZON,
    identityMs: values.INGESTER_IDENTITY_HORIZON,
  })),
  gateway: part(
    [
      'INGESTER_GATEWAY_HOST',
      'INGESTER_GATEWAY_PORT',
      'INGESTER_GATEWAY_TOKENS',
      'INGESTER_TRUSTED_PROXIES',
      'INGESTER_RATE_LIMIT',
      'INGESTER_GATEWAY_ACCESS_LOG',
    ],
    (values, resolved) => ({
      host: values.INGESTER_GATEWAY_HOST,
      port: values.INGESTER_GATEWAY_PORT,
      /** One a line; undefined: no request needs one. */
      tokens: resolved.secrets.get('INGESTER_GATEWAY_TOKENS'),
      trustedProxies: values.INGESTER_TRUSTED_PROXIES ?? [],
      /** Undefined: none. */
      rateLimit: values.INGESTER_RATE_LIMIT === 'off' ? undefined : values.INGESTER_RATE_LIMIT,
      accessLog: values.INGESTER_GATEWAY_ACCESS_LOG,
    }),
  ),
  startupTimeoutMs: part(['INGESTER_STARTUP_TIMEOUT'], (values) => values.INGESTER_STARTUP_TIMEOUT),
  shutdownTimeoutMs: part(['INGESTER_SHUTDOWN_TIMEOUT'], (values) => values.INGESTER_SHUTDOWN_TIMEOUT),
  log: part(['INGESTER_LOG_LEVEL', 'INGESTER_LOG_OUTPUT'], (values) => ({
    level: values.INGESTER_LOG_LEVEL,
    output: values.INGESTER_LOG_OUTPUT,
  })),
  http: part(['INGESTER_HTTP_HOST', 'INGESTER_HTTP_PORT'], (values) => ({
    host: values.INGESTER_HTTP_HOST,
    port: values.INGESTER_HTTP_PORT,
  })),
}

export type PartName = keyof typeof parts
