import { defaultPipeline } from './unknown-pipeline.ts'
import { availableParallelism } from 'node:os'
import type { CleanedEnv } from 'envalid'
import type { InWords } from './validators.ts'
import { logOutputs } from './log-output.ts'
import {
  address,
  bytes,
  count,
  duration,
  emulatorAddress,
  flag,
  host,
  hostOrSocket,
  networks,
  oneOf,
  postgresName,
  projectId,
  rateLimit,
  resourceId,
  text,
  texts,
  verbatim,
} from './validators.ts'

// Each variable with its default, its allowed values and, in `desc`, its description: `make docs` generates the tables of
// docs/CONFIGURATION.md and the comments of .env.demo from these. The former also says when to change one, and at what cost.

const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

const ingest = {
  INGESTER_PIPELINE: text({
    default: defaultPipeline,
    desc: 'What to ingest: the name of a pipeline, or the path of a mapping file or a module.',
  }),
  INGESTER_PIPELINES: texts({
    default: undefined,
    desc: 'Several of them, which run in one process. Overrides INGESTER_PIPELINE.',
  }),
  INGESTER_MAX_MESSAGE_BYTES: bytes({
    default: 10 * 2 ** 20,
    desc: 'Larger messages are dead-lettered, their data cut to 64 KiB.',
  }),
  INGESTER_MAX_CLOCK_SKEW: duration(
    '0s',
    '876000h',
  )({
    default: 86_400_000,
    desc: "Maximum time by which a record's timestamp may be ahead of its message's publish time.",
  }),
}

const pubsub = {
  INGESTER_PROJECTID: projectId({ example: 'my-project', desc: 'Google Cloud project.' }),
  INGESTER_TOPICID: resourceId({
    default: undefined,
    desc: 'Topic that the subscription should be attached to. Redrive publishes to the one that it is attached to.',
  }),
  INGESTER_SUBSCRIPTIONID: resourceId({
    default: undefined,
    desc: 'The one subscription that all replicas share.',
  }),
  PUBSUB_EMULATOR_HOST: emulatorAddress({
    default: undefined,
    example: 'localhost:8085',
    desc: "Address of a Pub/Sub emulator. Unset: Google's service, with the environment's credentials.",
  }),
  // What Pub/Sub allows.
  INGESTER_ACK_DEADLINE: duration(
    '10s',
    '600s',
  )({
    default: 30_000,
    desc: 'Ack deadline of a message, extended when a third of it has passed.',
  }),
  INGESTER_MAX_OUTSTANDING_MESSAGES: count(
    1,
    1_000_000,
  )({
    default: 20_000,
    desc: 'Maximum number of unsettled messages in one process, shared evenly by its pipelines.',
  }),
  INGESTER_MAX_OUTSTANDING_BYTES: bytes({
    default: 100 * 2 ** 20,
    desc: 'Maximum memory for unsettled messages in one process, shared in the same way, counting 3 bytes for each byte of data; and again for what they take beyond that once they are decoded.',
  }),
}

const postgres = {
  INGESTER_POSTGRES_URL: verbatim({
    default: undefined,
    desc: 'Connection URL: `postgres://user:password@host:port/database?sslmode=verify-full`. Variables for single parts override it.',
  }),
  INGESTER_POSTGRES_HOST: hostOrSocket({
    default: 'localhost',
    desc: 'Host name or address of PostgreSQL, or its socket directory.',
  }),
  INGESTER_POSTGRES_PORT: count(1, 65_535)({ default: 5432, desc: 'PostgreSQL port.' }),
  INGESTER_POSTGRES_USER: postgresName({
    example: 'scanner',
    desc: 'PostgreSQL role that reads and writes the tables.',
  }),
  INGESTER_POSTGRES_PASSWORD: verbatim({
    example: 'a password, or INGESTER_POSTGRES_PASSWORD_FILE',
    desc: 'PostgreSQL password.',
  }),
  INGESTER_POSTGRES_DB: postgresName({
    example: 'scanner_dev',
    desc: 'PostgreSQL database that holds the tables.',
  }),
  INGESTER_POSTGRES_SSL_MODE: oneOf(sslModes)({
    default: 'verify-full',
    desc: 'PostgreSQL TLS mode, as in libpq. Only a database on this machine may do without TLS.',
  }),
  INGESTER_POSTGRES_POOL_SIZE: count(
    1,
    1000,
  )({
    default: undefined,
    desc: 'Maximum PostgreSQL connections of one process, shared evenly by its pipelines.',
  }),
  INGESTER_POSTGRES_STATEMENT_TIMEOUT: duration(
    '100ms',
    '500h',
  )({
    default: 30_000,
    desc: 'Time after which the server cancels a statement; the client stops waiting 5 s later.',
  }),
}

const redis = {
  INGESTER_REDIS_URL: verbatim({
    default: undefined,
    desc: 'Connection URL: `redis://:password@host:port/database`, `rediss://` for TLS. Variables for single parts override it.',
  }),
  INGESTER_REDIS_ENABLED: flag({
    default: true,
    desc: 'Use Redis as a cache. false: PostgreSQL does all the work.',
  }),
  INGESTER_REDIS_ADDR: address({ default: { host: 'localhost', port: 6379 }, desc: 'Redis address.' }),
  INGESTER_REDIS_PASSWORD: verbatim({ default: undefined, desc: 'Redis password, of the user `default`.' }),
  INGESTER_REDIS_DB: count(0, 65_535)({ default: 0, desc: 'Redis database number.' }),
  INGESTER_REDIS_TLS: flag({
    default: false,
    desc: 'Redis over TLS, verified with the authorities of Node.js and those in NODE_EXTRA_CA_CERTS.',
  }),
  // A year: a lifetime in Redis, no timer of ours.
  INGESTER_REDIS_TTL: duration(
    '1s',
    '8760h',
  )({
    // As long as Pub/Sub keeps messages by default.
    default: 7 * 86_400_000,
    desc: 'Time to live of a watermark in Redis.',
  }),
  INGESTER_REDIS_CLAIMS: flag({
    default: true,
    desc: 'Keep replicas from writing the same key at the same time. false: watermarks only.',
  }),
}

const engine = {
  INGESTER_WORKER_COUNT: count(
    1,
    256,
  )({
    default: availableParallelism(),
    desc: 'Number of workers of each pipeline, which write; each key belongs to one.',
  }),
  INGESTER_MAX_BATCH_SIZE: count(1, 50_000)({ default: 1000, desc: 'Maximum records in one statement.' }),
  INGESTER_MAX_BATCH_BYTES: bytes({ default: 8 * 2 ** 20, desc: 'Maximum bytes in one statement.' }),
  INGESTER_FLUSH_INTERVAL: duration()({
    default: undefined,
    example: '100ms',
    desc: 'Maximum time a record waits for its batch to fill; 0: write as soon as a worker is free.',
  }),
  INGESTER_DELETE_HORIZON: duration(
    '24h',
    '8760h',
  )({
    // What Pub/Sub keeps by default, and a day.
    default: 8 * 86_400_000,
    desc: 'How long a deletion is remembered, by pipelines whose messages delete: the retention of the subscription and a day.',
  }),
  INGESTER_IDEMPOTENCY_WINDOW: duration(
    '1h',
    '8760h',
  )({
    default: 86_400_000,
    desc: 'How long a request with an Idempotency-Key is remembered after its first use: one with the same key counts once.',
  }),
  INGESTER_IDENTITY_HORIZON: duration(
    '24h',
    '8760h',
  )({
    default: 8 * 86_400_000,
    desc: 'How long it is remembered what has counted, by pipelines that append or add up: the retention of the subscription and a day.',
  }),
}

const startAndStop = {
  INGESTER_STARTUP_TIMEOUT: duration()({
    default: 60_000,
    desc: 'Maximum time to wait for PostgreSQL and Pub/Sub at startup.',
  }),
  INGESTER_SHUTDOWN_TIMEOUT: duration()({
    default: 25_000,
    desc: 'Maximum time to drain in-flight messages at shutdown; the rest is then nacked.',
  }),
}

const logs = {
  INGESTER_LOG_LEVEL: oneOf(logLevels)({ default: 'info', desc: 'Minimum log level.' }),
  INGESTER_LOG_OUTPUT: oneOf(logOutputs)({
    default: 'json',
    desc: 'Log format on stderr: json; console, for people; gcp, for Google Cloud Logging.',
  }),
}

const admin = {
  INGESTER_HTTP_HOST: host({
    default: '127.0.0.1',
    desc: 'Address that the admin server listens on: /healthz, /readyz, /metrics.',
  }),
  INGESTER_HTTP_PORT: count(
    0,
    65_535,
  )({ default: 9400, desc: 'Port of the admin server; 0 picks a free one.' }),
}

const gateway = {
  INGESTER_GATEWAY_HOST: host({
    default: '127.0.0.1',
    desc: 'Address that the gateway listens on.',
  }),
  INGESTER_GATEWAY_PORT: count(
    0,
    65_535,
  )({ default: 8080, desc: 'Port of the gateway; 0 picks a free one.' }),
  INGESTER_GATEWAY_TOKENS: verbatim({
    default: undefined,
    desc: 'Bearer tokens, one a line, each of 16 or more characters; a request must have one of them. Unset: no request needs one.',
  }),
  INGESTER_TRUSTED_PROXIES: networks({
    default: undefined,
    example: '10.0.0.0/8',
    desc: 'Proxies whose X-Forwarded-For says which client a request is from.',
  }),
  INGESTER_RATE_LIMIT: rateLimit({
    default: { requests: 60, perMs: 1000 },
    desc: 'Requests that one client address may make, counted over all gateways that share a Redis.',
  }),
  INGESTER_GATEWAY_ACCESS_LOG: flag({ default: true, desc: 'Log a line for each request.' }),
}

/** Every variable that has an effect. */
export const spec = {
  ...ingest,
  ...pubsub,
  ...postgres,
  ...redis,
  ...engine,
  ...gateway,
  ...startAndStop,
  ...logs,
  ...admin,
}

export type Variable = keyof typeof spec

export type Values = CleanedEnv<typeof spec>

/** The same, grouped for the documentation. */
export const groups = { ingest, pubsub, postgres, redis, engine, gateway, startAndStop, logs, admin }

/** Defaults that depend on something else, in words. */
export const dependentDefaults: Readonly<Partial<Record<Variable, string>>> = {
  INGESTER_TOPICID: 'that of the pipeline',
  INGESTER_SUBSCRIPTIONID: 'that of the pipeline',
  INGESTER_POSTGRES_POOL_SIZE: '(workers + 2) × pipelines',
  INGESTER_WORKER_COUNT: 'number of CPUs',
  INGESTER_FLUSH_INTERVAL: '100ms, or that of the pipeline',
}

/** A valid value as users write it: the default, or the example of what must be set. Undefined: leave it out. */
export function rightValue(name: Variable): string | undefined {
  const described: { readonly default?: unknown; readonly example?: string } = spec[name]
  const { write } = spec[name] as unknown as InWords
  return described.default === undefined ? described.example : write(described.default as never)
}
