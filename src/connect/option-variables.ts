import type { Variable } from '#config/spec.ts'
import type { Option } from '#core/option.ts'

/** The variable that sets each option. */
export const variables = {
  pipeline: 'INGESTER_PIPELINE',
  pipelines: 'INGESTER_PIPELINES',
  startupTimeout: 'INGESTER_STARTUP_TIMEOUT',
  shutdownTimeout: 'INGESTER_SHUTDOWN_TIMEOUT',
  'pubsub.projectId': 'INGESTER_PROJECTID',
  'pubsub.topicId': 'INGESTER_TOPICID',
  'pubsub.subscriptionId': 'INGESTER_SUBSCRIPTIONID',
  'pubsub.emulatorHost': 'PUBSUB_EMULATOR_HOST',
  'consumer.ackDeadline': 'INGESTER_ACK_DEADLINE',
  'consumer.maxOutstandingMessages': 'INGESTER_MAX_OUTSTANDING_MESSAGES',
  'consumer.maxOutstandingBytes': 'INGESTER_MAX_OUTSTANDING_BYTES',
  'limits.maxMessageBytes': 'INGESTER_MAX_MESSAGE_BYTES',
  'limits.maxClockSkew': 'INGESTER_MAX_CLOCK_SKEW',
  'postgres.url': 'INGESTER_POSTGRES_URL',
  'postgres.host': 'INGESTER_POSTGRES_HOST',
  'postgres.port': 'INGESTER_POSTGRES_PORT',
  'postgres.user': 'INGESTER_POSTGRES_USER',
  'postgres.password': 'INGESTER_POSTGRES_PASSWORD',
  'postgres.database': 'INGESTER_POSTGRES_DB',
  'postgres.sslMode': 'INGESTER_POSTGRES_SSL_MODE',
  'postgres.poolSize': 'INGESTER_POSTGRES_POOL_SIZE',
  'postgres.statementTimeout': 'INGESTER_POSTGRES_STATEMENT_TIMEOUT',
  'redis.url': 'INGESTER_REDIS_URL',
  'redis.enabled': 'INGESTER_REDIS_ENABLED',
  'redis.address': 'INGESTER_REDIS_ADDR',
  'redis.password': 'INGESTER_REDIS_PASSWORD',
  'redis.database': 'INGESTER_REDIS_DB',
  'redis.tls': 'INGESTER_REDIS_TLS',
  'redis.ttl': 'INGESTER_REDIS_TTL',
  'redis.claims': 'INGESTER_REDIS_CLAIMS',
  'engine.workers': 'INGESTER_WORKER_COUNT',
  'engine.maxBatchRecords': 'INGESTER_MAX_BATCH_SIZE',
  'engine.maxBatchBytes': 'INGESTER_MAX_BATCH_BYTES',
  'engine.flushInterval': 'INGESTER_FLUSH_INTERVAL',
  'engine.deleteHorizon': 'INGESTER_DELETE_HORIZON',
  'engine.idempotencyWindow': 'INGESTER_IDEMPOTENCY_WINDOW',
  'gateway.host': 'INGESTER_GATEWAY_HOST',
  'gateway.port': 'INGESTER_GATEWAY_PORT',
  'gateway.tokens': 'INGESTER_GATEWAY_TOKENS',
  'gateway.trustedProxies': 'INGESTER_TRUSTED_PROXIES',
  'gateway.rateLimit': 'INGESTER_RATE_LIMIT',
  'gateway.accessLog': 'INGESTER_GATEWAY_ACCESS_LOG',
  'engine.identityHorizon': 'INGESTER_IDENTITY_HORIZON',
  'log.level': 'INGESTER_LOG_LEVEL',
  'log.output': 'INGESTER_LOG_OUTPUT',
  'http.host': 'INGESTER_HTTP_HOST',
  'http.port': 'INGESTER_HTTP_PORT',
} as const satisfies Record<Option, Variable>

const options = new Map(Object.entries(variables).map(([option, variable]) => [variable, option as Option]))

/** @throws where the map above is incomplete: a test sees to it that it is not */
export function optionOf(variable: string): Option {
  const option = options.get(variable as Variable)
  if (option === undefined) throw new Error(`${variable} sets no option`)
  return option
}
