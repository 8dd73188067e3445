import type { Stack } from '#stack/stack.ts'

/** A stack that runs, as it tells of itself. */
export interface StackStatus {
  /** Whose it is. */
  readonly who: 'stack' | 'demo'
  readonly pid: number
  /** ISO 8601. */
  readonly since: string
  readonly services: readonly { readonly name: string; readonly address: string }[]
  /** The variables that point `bin/ingester run` at it. */
  readonly env: Readonly<Record<string, string>>
  /** For psql. */
  readonly url: string
}

/** Of a stack that this process started. */
export function statusOf(stack: Stack, who: StackStatus['who']): StackStatus {
  return {
    who,
    pid: process.pid,
    since: new Date().toISOString(),
    services: servicesOf(stack),
    env: variablesOf(stack),
    url: stack.postgres?.url ?? '',
  }
}

function servicesOf({ postgres, redis, pubsub }: Stack): StackStatus['services'] {
  return [
    { name: 'PostgreSQL', address: `${postgres?.host}:${postgres?.port}` },
    { name: 'Redis', address: redis?.address ?? 'none: redis-server is not installed' },
    { name: 'Pub/Sub emulator', address: pubsub?.emulatorHost ?? '' },
  ]
}

function variablesOf({ postgres, redis, pubsub }: Stack): StackStatus['env'] {
  if (!postgres || !pubsub) throw new Error('the stack is incomplete')
  return {
    PUBSUB_EMULATOR_HOST: pubsub.emulatorHost,
    INGESTER_PROJECTID: 'test-project',
    INGESTER_POSTGRES_HOST: postgres.host,
    INGESTER_POSTGRES_PORT: String(postgres.port),
    INGESTER_POSTGRES_USER: postgres.user,
    INGESTER_POSTGRES_PASSWORD: postgres.password,
    INGESTER_POSTGRES_DB: postgres.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    ...(redis ? { INGESTER_REDIS_ADDR: redis.address } : { INGESTER_REDIS_ENABLED: 'false' }),
    INGESTER_LOG_OUTPUT: 'console',
  }
}
