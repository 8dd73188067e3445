import type { CleanedEnv } from 'envalid'
import { EnvMissingError, cleanEnv } from 'envalid'
import type { Environment } from './environment.ts'
import { readEnvironment, secretFiles } from './environment.ts'
import { ConfigFault } from './fault.ts'
import { spec, withoutEffect } from './spec.ts'

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
 * @throws ConfigFault with all faults at once
 */
export function loadConfig(envFile?: string): LoadedConfig {
  return configOf(readEnvironment(envFile))
}

/** As {@link loadConfig}, of a given environment. */
export function configOf(environment: Environment): LoadedConfig {
  const config = shape(validated(environment))
  const faults = crossFaults(config)
  if (faults.length > 0) throw new ConfigFault(faults)
  return { config, warnings: warningsOf(environment) }
}

/** What the commands that need only the database want of the environment. */
export function loadPostgresConfig(envFile?: string): Config['postgres'] {
  const environment = readEnvironment(envFile)
  // The rest of the specification may be absent or wrong: it is not used.
  const own = Object.entries(environment).filter(([name]) => name.startsWith('INGESTER_POSTGRES_'))
  return configOf({ INGESTER_PROJECTID: 'unused', ...Object.fromEntries(own) }).config.postgres
}

function validated(environment: Environment): CleanedEnv<typeof spec> {
  const faults: string[] = []
  const clean = cleanEnv({ ...environment }, spec, {
    reporter: ({ errors }) => {
      for (const [name, error] of Object.entries(errors))
        faults.push(describe(name as keyof typeof spec, error))
    },
  })
  if (faults.length > 0) throw new ConfigFault(faults)
  return clean
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
function crossFaults({ pubsub, limits, postgres, engine }: Config): string[] {
  const faults: string[] = []
  if (pubsub.ackDeadlineMs < 10_000 || pubsub.ackDeadlineMs > 600_000) {
    faults.push('INGESTER_ACK_DEADLINE: Pub/Sub allows 10s to 600s')
  }
  if (pubsub.maxOutstandingBytes < limits.maxMessageBytes) {
    faults.push('INGESTER_MAX_OUTSTANDING_BYTES must not be less than INGESTER_MAX_MESSAGE_BYTES')
  }
  if (postgres.poolSize < engine.workers) {
    faults.push(
      'INGESTER_POSTGRES_POOL_SIZE must not be less than INGESTER_WORKER_COUNT: each worker writes on its own connection',
    )
  }
  return faults
}

/** Not a fault: Kubernetes, for one, injects names such as INGESTER_SERVICE_HOST. */
function warningsOf(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('INGESTER_'))
    .flatMap((name) => {
      if (Object.hasOwn(spec, name) || secretFiles.includes(name)) return []
      if (withoutEffect.includes(name)) return [`${name} has no effect in this version`]
      return [`${name} is not known, and ignored`]
    })
}
