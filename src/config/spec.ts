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
  oneOf,
  postgresName,
  projectId,
  resourceId,
  text,
  verbatim,
} from './validators.ts'

// Each variable with its default, what it may be and, in `desc`, what it is: docs/CONFIGURATION.md and the comments
// of .env.demo are made of these (`make docs`). When to change a lever, and what that costs, stands in the former.

const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

const ingest = {
  INGESTER_PIPELINE: text({ default: 'scans', desc: 'What to ingest: source, decoder and table.' }),
  INGESTER_MAX_MESSAGE_BYTES: bytes({
    default: 10 * 2 ** 20,
    desc: 'Larger messages are dead-lettered, their data cut to 64 KiB.',
  }),
  INGESTER_MAX_CLOCK_SKEW: duration(
    '0s',
    '876000h',
  )({
    default: 86_400_000,
    desc: "How far a record's time may lie after its message's publish time.",
  }),
}

const pubsub = {
  INGESTER_PROJECTID: projectId({ example: 'my-project', desc: 'Google Cloud project.' }),
  INGESTER_TOPICID: resourceId({
    default: undefined,
    desc: 'Topic that the subscription should have. Redrive publishes to the one that it has.',
  }),
  INGESTER_SUBSCRIPTIONID: resourceId({
    default: undefined,
    desc: 'The one subscription that all replicas share.',
  }),
  PUBSUB_EMULATOR_HOST: emulatorAddress({
    default: undefined,
    desc: "Address of an emulator. Without it: Google's service and the environment's credentials.",
  }),
  // What Pub/Sub allows.
  INGESTER_ACK_DEADLINE: duration(
    '10s',
    '600s',
  )({
    default: 30_000,
    desc: 'Lease of a message, renewed at a third of it.',
  }),
  INGESTER_MAX_OUTSTANDING_MESSAGES: count(
    1,
    1_000_000,
  )({
    default: 20_000,
    desc: 'Hard bound on the messages that one process holds.',
  }),
  INGESTER_MAX_OUTSTANDING_BYTES: bytes({
    default: 100 * 2 ** 20,
    desc: 'Hard bound on what the messages that one process holds may take in memory: 3 for each byte of data.',
  }),
}

const postgres = {
  INGESTER_POSTGRES_URL: verbatim({
    default: undefined,
    desc: 'Connection URL: `postgres://user:password@host:port/database?sslmode=verify-full`. Variables of its parts override it.',
  }),
  INGESTER_POSTGRES_HOST: hostOrSocket({ default: 'localhost', desc: 'Name or address of the server.' }),
  INGESTER_POSTGRES_PORT: count(1, 65_535)({ default: 5432, desc: 'Its port.' }),
  INGESTER_POSTGRES_USER: postgresName({
    example: 'scanner',
    desc: 'Role that reads and writes the tables.',
  }),
  INGESTER_POSTGRES_PASSWORD: verbatim({
    example: 'a password, or INGESTER_POSTGRES_PASSWORD_FILE',
    desc: 'Its password.',
  }),
  INGESTER_POSTGRES_DB: postgresName({ example: 'scanner_dev', desc: 'Database that holds the tables.' }),
  INGESTER_POSTGRES_SSL_MODE: oneOf(sslModes)({
    default: 'verify-full',
    desc: 'TLS, as libpq names it. Only a database on this machine does without.',
  }),
  INGESTER_POSTGRES_POOL_SIZE: count(
    1,
    1000,
  )({
    default: undefined,
    desc: 'Most connections that one process opens.',
  }),
  INGESTER_POSTGRES_STATEMENT_TIMEOUT: duration(
    '100ms',
    '500h',
  )({
    default: 30_000,
    desc: 'The server ends a statement that takes longer; 5 s later the client stops waiting.',
  }),
}

const redis = {
  INGESTER_REDIS_URL: verbatim({
    default: undefined,
    desc: 'Connection URL: `redis://:password@host:port/database`, `rediss://` for TLS. Variables of its parts override it.',
  }),
  INGESTER_REDIS_ENABLED: flag({
    default: true,
    desc: 'The cache. false: none, and PostgreSQL does all the work.',
  }),
  INGESTER_REDIS_ADDR: address({ default: { host: 'localhost', port: 6379 }, desc: 'Where it is.' }),
  INGESTER_REDIS_PASSWORD: verbatim({ default: undefined, desc: 'Password of the user `default`.' }),
  INGESTER_REDIS_DB: count(0, 65_535)({ default: 0, desc: 'Number of the database.' }),
  INGESTER_REDIS_TLS: flag({
    default: false,
    desc: 'TLS, verified with the authorities of Node.js and those in NODE_EXTRA_CA_CERTS.',
  }),
  // A year: a lifetime in Redis, no timer of ours.
  INGESTER_REDIS_TTL: duration(
    '1s',
    '8760h',
  )({
    // As long as Pub/Sub keeps messages unless told otherwise.
    default: 7 * 86_400_000,
    desc: 'How long a key is remembered.',
  }),
  INGESTER_REDIS_CLAIMS: flag({
    default: true,
    desc: 'Keep replicas from writing one key at the same time. false: watermarks only.',
  }),
}

const engine = {
  INGESTER_WORKER_COUNT: count(
    1,
    256,
  )({
    default: availableParallelism(),
    desc: 'Upserters; a key always belongs to one.',
  }),
  INGESTER_MAX_BATCH_SIZE: count(1, 50_000)({ default: 1000, desc: 'Most records in one statement.' }),
  INGESTER_MAX_BATCH_BYTES: bytes({ default: 8 * 2 ** 20, desc: 'Most bytes in one statement.' }),
  INGESTER_FLUSH_INTERVAL: duration()({
    default: 100,
    desc: "Oldest record's longest wait for company; 0: as soon as a writer is free.",
  }),
}

const startAndStop = {
  INGESTER_STARTUP_TIMEOUT: duration()({
    default: 60_000,
    desc: 'How long to wait for PostgreSQL and Pub/Sub at start.',
  }),
  INGESTER_SHUTDOWN_TIMEOUT: duration()({
    default: 25_000,
    desc: 'How long to settle what is in hand at the end; then it is given back.',
  }),
}

const logs = {
  INGESTER_LOG_LEVEL: oneOf(logLevels)({ default: 'info', desc: 'The least that is worth a line.' }),
  INGESTER_LOG_OUTPUT: oneOf(logOutputs)({
    default: 'json',
    desc: 'Format of the log on stderr: json; console for people; gcp for Google Cloud.',
  }),
}

const admin = {
  INGESTER_HTTP_HOST: host({
    default: '127.0.0.1',
    desc: 'Where the admin server listens: /healthz, /readyz, /metrics.',
  }),
  INGESTER_HTTP_PORT: count(0, 65_535)({ default: 9400, desc: 'Its port; 0 picks a free one.' }),
}

/** Every variable that has an effect. */
export const spec = {
  ...ingest,
  ...pubsub,
  ...postgres,
  ...redis,
  ...engine,
  ...startAndStop,
  ...logs,
  ...admin,
}

export type Variable = keyof typeof spec

export type Values = CleanedEnv<typeof spec>

/** The same, as people think of them. */
export const groups = { ingest, pubsub, postgres, redis, engine, startAndStop, logs, admin }

/** Defaults that depend on something. */
export const dependentDefaults: Readonly<Partial<Record<Variable, string>>> = {
  INGESTER_TOPICID: "the pipeline's own",
  INGESTER_SUBSCRIPTIONID: "the pipeline's own",
  INGESTER_POSTGRES_POOL_SIZE: 'workers + 2',
  INGESTER_WORKER_COUNT: 'number of processors',
}

/** A value that is right, as people write it: the default, or the example of what must be set. Undefined: leave it out. */
export function rightValue(name: Variable): string | undefined {
  const described: { readonly default?: unknown; readonly example?: string } = spec[name]
  const { write } = spec[name] as unknown as InWords
  return described.default === undefined ? described.example : write(described.default as never)
}
