import type { CleanedEnv } from 'envalid'
import { EnvMissingError, customCleanEnv } from 'envalid'
import type { Environment } from './environment.ts'
import { readEnvironment, secretFiles, withSecrets } from './environment.ts'
import { ConfigFault } from './fault.ts'
import { spec } from './spec.ts'

/** All that can be set, grouped by who uses it. Times in ms, sizes in bytes. */
export type Config = ReturnType<typeof shape>

export interface LoadedConfig {
  readonly config: Config
  /** Names that are set and do nothing. */
  readonly warnings: readonly string[]
}

/**
 * The configuration of the service.
 *
 * @param pipelines the names of those there are; any other is a fault
 * @throws ConfigFault with all faults at once
 */
export function loadConfig(envFile?: string, pipelines?: readonly string[]): LoadedConfig {
  const { environment, faults } = withSecrets(readEnvironment(envFile))
  return configOf(environment, faults, pipelines)
}

/** As {@link loadConfig}, of a given environment and the faults that it is known to have. */
export function configOf(
  environment: Environment,
  known: readonly string[] = [],
  pipelines?: readonly string[],
): LoadedConfig {
  const { clean, faults } = validated(environment)
  // A value that is missing or wrong is undefined here, and no comparison finds fault with that.
  const config = shape(clean)
  const crossFaults = crossChecks.filter(({ isBroken }) => isBroken(config)).map(({ fault }) => fault)
  const all = [...known, ...faults, ...pipelineFaults(config, pipelines), ...crossFaults]
  if (all.length > 0) throw new ConfigFault(all)
  return { config, warnings: warningsOf(environment) }
}

/** Which there are is not known here. */
function pipelineFaults({ pipeline }: Config, there: readonly string[] | undefined): string[] {
  if (there === undefined || pipeline === undefined || there.includes(pipeline)) return []
  return [`INGESTER_PIPELINE: ${unknownPipeline(pipeline, there)}`]
}

export function unknownPipeline(name: string, there: readonly string[]): string {
  return `there is no pipeline "${name}"; there are: ${there.join(', ')}`
}

const ofDatabase = /^INGESTER_(POSTGRES_|PIPELINE$)/
const ofTopic = /^(INGESTER_(PROJECTID|TOPICID|SUBSCRIPTIONID|STARTUP_TIMEOUT)|PUBSUB_EMULATOR_HOST)$/
/** Outstanding bytes, too: a limit of the message size is measured against them. */
const ofCacheAndMessages = /^INGESTER_(REDIS_|(MAX_MESSAGE_BYTES|MAX_OUTSTANDING_BYTES|MAX_CLOCK_SKEW)$)/

const withoutProject = { INGESTER_PROJECTID: 'unused' }

/** What the commands that need only the database want of the environment. */
export function loadDatabaseConfig(envFile?: string): Pick<Config, 'pipeline' | 'postgres'> {
  return loadPart(envFile, [ofDatabase], withoutProject, ['INGESTER_POSTGRES_PASSWORD'])
}

/** What a command wants that looks into both stores and reads messages, but receives none. */
export function loadStoresConfig(
  envFile?: string,
): Pick<Config, 'pipeline' | 'postgres' | 'redis' | 'limits'> {
  return loadPart(envFile, [ofDatabase, ofCacheAndMessages], withoutProject)
}

/** What a command wants that publishes, besides the database, to the topic of the pipeline's subscription. */
export function loadRedriveConfig(envFile?: string): Pick<
  Config,
  'pipeline' | 'postgres' | 'startupTimeoutMs'
> & {
  readonly pubsub: Pick<Config['pubsub'], 'projectId' | 'topicId' | 'subscriptionId' | 'emulatorHost'>
} {
  return loadPart(envFile, [ofDatabase, ofTopic], {}, ['INGESTER_POSTGRES_PASSWORD'])
}

/** The rest of the specification may be absent or wrong: it is not used, nor is the pool measured against it. */
function loadPart(
  envFile: string | undefined,
  own: readonly RegExp[],
  unused: Environment,
  secrets?: readonly string[],
): Config {
  const { environment, faults } = withSecrets(readEnvironment(envFile), secrets)
  const used = Object.entries(environment).filter(([name]) => own.some((pattern) => pattern.test(name)))
  return configOf({ ...unused, INGESTER_WORKER_COUNT: '1', ...Object.fromEntries(used) }, faults).config
}

/**
 * Where the environment wants an emulator to be used; undefined where it names none.
 *
 * @throws ConfigFault
 */
export function emulatorHostOf(environment: Environment): string | undefined {
  const name = 'PUBSUB_EMULATOR_HOST'
  const { clean, faults } = validated({ ...withoutProject, [name]: environment[name] })
  const own = faults.filter((fault) => fault.startsWith(name))
  if (own.length > 0) throw new ConfigFault(own)
  return clean[name]
}

function validated(environment: Environment): { clean: CleanedEnv<typeof spec>; faults: readonly string[] } {
  const faults: string[] = []
  const clean = customCleanEnv({ ...environment }, spec, (values) => values, {
    reporter: ({ errors }) => {
      for (const [name, error] of Object.entries(errors))
        faults.push(describe(name as keyof typeof spec, error))
    },
  })
  return { clean, faults }
}

function describe(name: keyof typeof spec, error: Error | undefined): string {
  if (!(error instanceof EnvMissingError)) return `${name}: ${error?.message ?? 'invalid'}`
  const example = (spec[name] as { example?: string }).example
  return `${name} is not set; for example ${name}=${example ?? '…'}`
}

function shape(env: CleanedEnv<typeof spec>) {
  return {
    pipeline: env.INGESTER_PIPELINE,
    pubsub: {
      projectId: env.INGESTER_PROJECTID,
      /** Undefined: the pipeline's own. */
      topicId: env.INGESTER_TOPICID,
      subscriptionId: env.INGESTER_SUBSCRIPTIONID,
      emulatorHost: env.PUBSUB_EMULATOR_HOST,
      ackDeadlineMs: env.INGESTER_ACK_DEADLINE,
      maxOutstandingMessages: env.INGESTER_MAX_OUTSTANDING_MESSAGES,
      maxOutstandingBytes: env.INGESTER_MAX_OUTSTANDING_BYTES,
    },
    limits: {
      maxMessageBytes: env.INGESTER_MAX_MESSAGE_BYTES,
      maxClockSkewMs: env.INGESTER_MAX_CLOCK_SKEW,
    },
    postgres: {
      host: env.INGESTER_POSTGRES_HOST,
      port: env.INGESTER_POSTGRES_PORT,
      user: env.INGESTER_POSTGRES_USER,
      password: env.INGESTER_POSTGRES_PASSWORD,
      database: env.INGESTER_POSTGRES_DB,
      sslMode: env.INGESTER_POSTGRES_SSL_MODE,
      poolSize: env.INGESTER_POSTGRES_POOL_SIZE ?? env.INGESTER_WORKER_COUNT + 2,
      statementTimeoutMs: env.INGESTER_POSTGRES_STATEMENT_TIMEOUT,
    },
    redis: {
      enabled: env.INGESTER_REDIS_ENABLED,
      ...env.INGESTER_REDIS_ADDR,
      password: env.INGESTER_REDIS_PASSWORD,
      db: env.INGESTER_REDIS_DB,
      tls: env.INGESTER_REDIS_TLS,
      ttlMs: env.INGESTER_REDIS_TTL,
      claims: env.INGESTER_REDIS_CLAIMS,
    },
    engine: {
      workers: env.INGESTER_WORKER_COUNT,
      maxBatchRecords: env.INGESTER_MAX_BATCH_SIZE,
      maxBatchBytes: env.INGESTER_MAX_BATCH_BYTES,
      flushIntervalMs: env.INGESTER_FLUSH_INTERVAL,
    },
    startupTimeoutMs: env.INGESTER_STARTUP_TIMEOUT,
    shutdownTimeoutMs: env.INGESTER_SHUTDOWN_TIMEOUT,
    log: { level: env.INGESTER_LOG_LEVEL, output: env.INGESTER_LOG_OUTPUT },
    http: { host: env.INGESTER_HTTP_HOST, port: env.INGESTER_HTTP_PORT },
  }
}

/** What each value alone cannot show. */
export const crossChecks: readonly {
  readonly fault: string
  readonly isBroken: (config: Config) => boolean
}[] = [
  {
    fault: 'INGESTER_MAX_OUTSTANDING_BYTES must not be less than INGESTER_MAX_MESSAGE_BYTES',
    isBroken: ({ pubsub, limits }) => pubsub.maxOutstandingBytes < limits.maxMessageBytes,
  },
  {
    fault:
      'INGESTER_POSTGRES_POOL_SIZE must not be less than INGESTER_WORKER_COUNT: each worker writes on its own connection',
    isBroken: ({ postgres, engine }) => postgres.poolSize < engine.workers,
  },
]

/** Not a fault: Kubernetes, for one, injects names such as INGESTER_SERVICE_HOST. */
function warningsOf(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('INGESTER_'))
    .flatMap((name) => {
      if (Object.hasOwn(spec, name) || secretFiles.includes(name)) return []
      return [`${name} is not known, and ignored`]
    })
}
