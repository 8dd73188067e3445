import type { Config } from '#config/config.ts'
import { valuesOf } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import type { Variable } from '#config/spec.ts'
import { spec } from '#config/spec.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { Stack } from '#stack/stack.ts'

/** Where the demo's services are. */
interface Addresses {
  readonly emulatorHost: string
  readonly postgres: { host: string; port: number; user: string; password: string; database: string }
  /** Undefined where there is none. */
  readonly redis: { readonly address: string; readonly password: string | undefined } | undefined
}

/** Variables that the stack sets, overriding the user's. */
const ofStack = [
  'INGESTER_PIPELINE',
  'INGESTER_PIPELINES',
  'INGESTER_PROJECTID',
  'INGESTER_TOPICID',
  'INGESTER_SUBSCRIPTIONID',
  'PUBSUB_EMULATOR_HOST',
  'INGESTER_POSTGRES_URL',
  'INGESTER_POSTGRES_HOST',
  'INGESTER_POSTGRES_PORT',
  'INGESTER_POSTGRES_USER',
  'INGESTER_POSTGRES_PASSWORD',
  'INGESTER_POSTGRES_DB',
  'INGESTER_POSTGRES_SSL_MODE',
  'INGESTER_REDIS_URL',
  'INGESTER_REDIS_ADDR',
  'INGESTER_REDIS_PASSWORD',
  'INGESTER_REDIS_DB',
  'INGESTER_REDIS_TLS',
] as const satisfies readonly Variable[]

const defaults = { INGESTER_LOG_OUTPUT: 'console' }

/**
 * How the demo logs. The user's other settings are checked as well: faults are found before the stack runs.
 *
 * @throws ConfigFault
 */
export function demoLog(environment: Environment): Config['log'] {
  const taken: readonly string[] = ofStack
  const free = (Object.keys(spec) as Variable[]).filter((name) => !taken.includes(name))
  const values = valuesOf({ ...defaults, ...environment }, free)
  return { level: values.INGESTER_LOG_LEVEL, output: values.INGESTER_LOG_OUTPUT }
}

/** The user's settings with the stack's addresses over them. */
export function demoEnvironment(
  environment: Environment,
  { emulatorHost, postgres, redis }: Addresses,
  { name, source }: Pick<Pipeline, 'name' | 'source'>,
): Environment {
  // An emulator that others use may hold others' messages: the demo's names are its own there.
  const suffix = environment['PUBSUB_EMULATOR_HOST'] === undefined ? '' : `-demo-${process.pid}`
  const values: Record<(typeof ofStack)[number], string | undefined> = {
    INGESTER_PIPELINE: name,
    INGESTER_PIPELINES: undefined,
    INGESTER_PROJECTID: 'test-project',
    INGESTER_TOPICID: `${source.topicId}${suffix}`,
    INGESTER_SUBSCRIPTIONID: `${source.subscriptionId}${suffix}`,
    PUBSUB_EMULATOR_HOST: emulatorHost,
    INGESTER_POSTGRES_URL: undefined,
    INGESTER_POSTGRES_HOST: postgres.host,
    INGESTER_POSTGRES_PORT: String(postgres.port),
    INGESTER_POSTGRES_USER: postgres.user,
    INGESTER_POSTGRES_PASSWORD: postgres.password,
    INGESTER_POSTGRES_DB: postgres.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    INGESTER_REDIS_URL: undefined,
    INGESTER_REDIS_ADDR: redis?.address,
    INGESTER_REDIS_PASSWORD: redis?.password,
    INGESTER_REDIS_DB: '0',
    INGESTER_REDIS_TLS: 'false',
  }
  return {
    ...defaults,
    ...environment,
    ...values,
    INGESTER_POSTGRES_URL_FILE: undefined,
    INGESTER_POSTGRES_PASSWORD_FILE: undefined,
    INGESTER_REDIS_URL_FILE: undefined,
    INGESTER_REDIS_PASSWORD_FILE: undefined,
    ...(redis === undefined ? { INGESTER_REDIS_ENABLED: 'false' } : {}),
  }
}

export function addressesOf({ postgres, pubsub, redis }: Stack): Addresses {
  if (!postgres || !pubsub) throw new Error('the demo needs PostgreSQL and a Pub/Sub emulator')
  const { host, port, database, writer } = postgres
  return { emulatorHost: pubsub.emulatorHost, postgres: { host, port, database, ...writer }, redis }
}
