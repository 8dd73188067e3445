import { availableParallelism } from 'node:os'
import { str } from 'envalid'
import { address, bytes, count, duration, flag, oneOf, resourceId, text } from './validators.ts'

const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
const logOutputs = ['json', 'console'] as const

/** Every variable that has an effect, with its default; `.env.demo` and the README list them for people. */
export const spec = {
  PUBSUB_EMULATOR_HOST: str({ default: undefined }),
  INGESTER_PIPELINE: text({ default: 'scans' }),
  INGESTER_PROJECTID: text({ example: 'my-project' }),
  INGESTER_TOPICID: resourceId({ default: undefined }),
  INGESTER_SUBSCRIPTIONID: resourceId({ default: undefined }),
  // What Pub/Sub allows.
  INGESTER_ACK_DEADLINE: duration('10s', '600s')({ default: 30_000 }),
  INGESTER_MAX_OUTSTANDING_MESSAGES: count(1, 1_000_000)({ default: 20_000 }),
  INGESTER_MAX_OUTSTANDING_BYTES: bytes({ default: 100 * 2 ** 20 }),
  INGESTER_MAX_MESSAGE_BYTES: bytes({ default: 10 * 2 ** 20 }),
  INGESTER_POSTGRES_USER: text({ example: 'scanner' }),
  INGESTER_POSTGRES_PASSWORD: str({ example: 'a password, or INGESTER_POSTGRES_PASSWORD_FILE' }),
  INGESTER_POSTGRES_DB: text({ example: 'scanner_dev' }),
  INGESTER_POSTGRES_HOST: text({ default: 'localhost' }),
  INGESTER_POSTGRES_PORT: count(1, 65_535)({ default: 5432 }),
  INGESTER_POSTGRES_SSL_MODE: oneOf(sslModes)({ default: 'verify-full' }),
  INGESTER_POSTGRES_POOL_SIZE: count(1, 1000)({ default: undefined }),
  INGESTER_POSTGRES_STATEMENT_TIMEOUT: duration()({ default: 30_000 }),
  INGESTER_REDIS_ENABLED: flag({ default: true }),
  INGESTER_REDIS_ADDR: address({ default: { host: 'localhost', port: 6379 } }),
  INGESTER_REDIS_PASSWORD: str({ default: undefined }),
  INGESTER_REDIS_DB: count(0, 65_535)({ default: 0 }),
  // A year: a lifetime in Redis, no timer of ours.
  INGESTER_REDIS_TTL: duration('1s', '8760h')({ default: 259_200_000 }),
  INGESTER_REDIS_TLS: flag({ default: false }),
  INGESTER_REDIS_CLAIMS: flag({ default: true }),
  INGESTER_WORKER_COUNT: count(1, 256)({ default: availableParallelism() }),
  INGESTER_MAX_BATCH_SIZE: count(1, 50_000)({ default: 1000 }),
  INGESTER_MAX_BATCH_BYTES: bytes({ default: 8 * 2 ** 20 }),
  INGESTER_FLUSH_INTERVAL: duration()({ default: 100 }),
  INGESTER_MAX_CLOCK_SKEW: duration('0s', '876000h')({ default: 86_400_000 }),
  INGESTER_DEAD_LETTER: oneOf(['table'])({ default: 'table' }),
  INGESTER_STARTUP_TIMEOUT: duration()({ default: 60_000 }),
  INGESTER_SHUTDOWN_TIMEOUT: duration()({ default: 25_000 }),
  INGESTER_LOG_LEVEL: oneOf(logLevels)({ default: 'info' }),
  INGESTER_LOG_OUTPUT: oneOf(logOutputs)({ default: 'json' }),
  INGESTER_HTTP_HOST: text({ default: '127.0.0.1' }),
  INGESTER_HTTP_PORT: count(0, 65_535)({ default: 9400 }),
}
