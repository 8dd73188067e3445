import type { PostgresServer } from '#stack/postgres.ts'
import type { Stack } from '#stack/stack.ts'
import { stackPsqlLine } from './psql-line.ts'

type Login = PostgresServer['writer']

export interface ServiceStatus {
  readonly name: string
  readonly address: string
  /** How it exited unexpectedly, such as `signal 9`; absent while it runs. */
  readonly ended?: string
}

/** A running stack, as it reports itself. */
export interface StackStatus {
  /** Whose it is. */
  readonly who: 'stack' | 'demo'
  readonly pid: number
  /** ISO 8601. */
  readonly since: string
  readonly services: readonly ServiceStatus[]
  /** The variables that point `bin/ingester run` at it. */
  readonly env: Readonly<Record<string, string>>
  /** Those for the role that owns the tables. */
  readonly ownerEnv: Readonly<Record<string, string>>
  /** PGSERVICEFILE for psql. */
  readonly serviceFile: string
  /** The line for a shell that opens the database. */
  readonly psql: string
}

/** For a stack that this process has just started: call the result for its status at that moment. */
export function statusReporter(stack: Stack, who: StackStatus['who']): () => StackStatus {
  const since = new Date().toISOString()
  const { serviceFile = '' } = stack.postgres ?? {}
  return () => ({
    who,
    pid: process.pid,
    since,
    services: servicesOf(stack),
    env: variablesOf(stack, stack.postgres?.writer),
    ownerEnv: variablesOf(stack, stack.postgres),
    serviceFile,
    psql: stackPsqlLine(serviceFile),
  })
}

/** The services that have ended by themselves. */
export function endedServices({ services }: StackStatus): ServiceStatus[] {
  return services.filter(({ ended }) => ended !== undefined)
}

function servicesOf({ postgres, redis, pubsub, missing }: Stack): StackStatus['services'] {
  // Not all that run on it want a Redis.
  const noRedis = ['none', ...missing.map(({ why }) => why)].join(': ')
  return [
    { name: 'PostgreSQL', address: `${postgres?.host}:${postgres?.port}`, ...endOf(postgres) },
    { name: 'Redis', address: redis?.address ?? noRedis, ...endOf(redis) },
    { name: 'Pub/Sub emulator', address: pubsub?.emulatorHost ?? '' },
  ]
}

function endOf(service: { readonly ended: string | undefined } | undefined) {
  return service?.ended === undefined ? {} : { ended: service.ended }
}

function variablesOf({ postgres, redis, pubsub }: Stack, login: Login | undefined): StackStatus['env'] {
  if (!postgres || !pubsub || !login) throw new Error('the stack is incomplete')
  return {
    PUBSUB_EMULATOR_HOST: pubsub.emulatorHost,
    INGESTER_PROJECTID: 'test-project',
    INGESTER_POSTGRES_HOST: postgres.host,
    INGESTER_POSTGRES_PORT: String(postgres.port),
    INGESTER_POSTGRES_USER: login.user,
    INGESTER_POSTGRES_PASSWORD: login.password,
    INGESTER_POSTGRES_DB: postgres.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    ...(redis
      ? { INGESTER_REDIS_ADDR: redis.address, INGESTER_REDIS_PASSWORD: redis.password ?? '' }
      : { INGESTER_REDIS_ENABLED: 'false' }),
    INGESTER_LOG_OUTPUT: 'console',
  }
}
