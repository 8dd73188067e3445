import type { Config } from '#config/config.ts'
import { configOf } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import type { Stack } from '#stack/stack.ts'

/** Where the demo's services are; before they run it is not known. */
interface Addresses {
  readonly emulatorHost: string
  readonly postgres: { host: string; port: number; user: string; password: string; database: string }
  /** Undefined where there is none. */
  readonly redis: { readonly address: string; readonly password: string | undefined } | undefined
}

const somewhere: Addresses = {
  emulatorHost: 'localhost:1',
  postgres: { host: 'localhost', port: 1, user: '-', password: '-', database: '-' },
  redis: { address: 'localhost:1', password: undefined },
}

/**
 * The user's settings with the stack's addresses over them; before the stack runs, to find faults early.
 *
 * @throws ConfigFault
 */
export function demoConfig(environment: Environment, { emulatorHost, postgres, redis } = somewhere): Config {
  // An emulator that others use may hold others' messages: the demo's names are its own there.
  const suffix = environment['PUBSUB_EMULATOR_HOST'] === undefined ? '' : `-demo-${process.pid}`
  const { config } = configOf({
    INGESTER_LOG_OUTPUT: 'console',
    ...environment,
    INGESTER_PIPELINE: 'scans',
    INGESTER_PROJECTID: 'test-project',
    INGESTER_TOPICID: `scan-topic${suffix}`,
    INGESTER_SUBSCRIPTIONID: `scan-sub${suffix}`,
    PUBSUB_EMULATOR_HOST: emulatorHost,
    INGESTER_POSTGRES_URL: undefined,
    INGESTER_POSTGRES_URL_FILE: undefined,
    INGESTER_POSTGRES_HOST: postgres.host,
    INGESTER_POSTGRES_PORT: String(postgres.port),
    INGESTER_POSTGRES_USER: postgres.user,
    INGESTER_POSTGRES_PASSWORD: postgres.password,
    INGESTER_POSTGRES_PASSWORD_FILE: undefined,
    INGESTER_POSTGRES_DB: postgres.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    ...(redis === undefined ? { INGESTER_REDIS_ENABLED: 'false' } : { INGESTER_REDIS_ADDR: redis.address }),
    INGESTER_REDIS_URL: undefined,
    INGESTER_REDIS_URL_FILE: undefined,
    INGESTER_REDIS_PASSWORD: redis?.password,
    INGESTER_REDIS_PASSWORD_FILE: undefined,
    INGESTER_REDIS_DB: '0',
    INGESTER_REDIS_TLS: 'false',
  })
  return config
}

export function addressesOf({ postgres, pubsub, redis }: Stack): Addresses {
  if (!postgres || !pubsub) throw new Error('the demo needs PostgreSQL and a Pub/Sub emulator')
  const { host, port, database, writer } = postgres
  return { emulatorHost: pubsub.emulatorHost, postgres: { host, port, database, ...writer }, redis }
}
