import { announced } from './announced.ts'
import { startPostgres } from './postgres.ts'
import type { PostgresServer } from './postgres.ts'
import { startPubsub } from './pubsub.ts'
import type { PubsubServer } from './pubsub.ts'
import { startRedis } from './redis.ts'
import type { RedisServer } from './redis.ts'
import type { Log } from './service.ts'

/** Which services to start, and where. All of them unless switched off. */
export interface StackOptions {
  readonly postgres?: boolean | undefined
  readonly redis?: boolean | undefined
  readonly pubsub?: boolean | undefined
  /** `host:port` of a running emulator, to use instead of starting one. */
  readonly pubsubEmulatorHost?: string | undefined
  /** Preferred ports (5433, 6379, 8085); taken: the next free one; 0: any. */
  readonly ports?:
    | { readonly postgres?: number; readonly redis?: number; readonly pubsub?: number }
    | undefined
  /** For tests that change the server itself: PostgreSQL's role is a superuser. */
  readonly superuser?: boolean | undefined
  /** One line per event: ready, another port than requested, an unexpected exit. */
  readonly log?: Log | undefined
  /** Aborts the startup; has no effect once everything is ready. */
  readonly signal?: AbortSignal | undefined
}

/** A requested service that is optional. */
export interface Missing {
  readonly service: 'redis'
  readonly why: string
  /** What to do about it. */
  readonly fix: string
}

/** What is running. `stop()` and disposal end all of it. */
export interface Stack extends AsyncDisposable {
  readonly postgres?: PostgresServer
  readonly redis?: RedisServer
  readonly pubsub?: PubsubServer
  readonly missing: readonly Missing[]
  /** Resolves when every process is gone and every folder removed. Idempotent. */
  stop(): Promise<void>
}

const defaultPorts = { postgres: 5433, redis: 6379, pubsub: 8085 }

const noRedis: Missing = {
  service: 'redis',
  why: 'redis-server is not on PATH',
  fix: 'Debian: apt-get install redis-server, macOS: brew install redis',
}

const failure = (errors: readonly Error[]): Error =>
  errors.length === 1 && errors[0]
    ? errors[0]
    : new AggregateError(errors, errors.map((e) => e.message).join('\n'))

/** Waits for all; if one fails, or the startup is aborted, the others are stopped and the error thrown. */
const allOrNone = async (
  starting: readonly Promise<AsyncDisposable | undefined>[],
  signal: AbortSignal | undefined,
): Promise<void> => {
  const outcomes = await Promise.allSettled(starting)
  const errors = outcomes
    .filter((outcome) => outcome.status === 'rejected')
    .map(({ reason }) => reason as Error)
  if (errors.length === 0 && !signal?.aborted) return
  await Promise.all(
    outcomes.map(async (o) => o.status === 'fulfilled' && (await o.value?.[Symbol.asyncDispose]())),
  )
  signal?.throwIfAborted()
  throw failure(errors)
}

/**
 * Starts what a demo and the tests need, all at once. A missing Redis is not an error: it is listed in
 * `missing`. The processes are sessions of their own (a terminal's Ctrl-C does not reach them) and yet end
 * with this process, however that ends.
 *
 * @throws the error of the service that failed, after the others were stopped (several: an AggregateError); what
 * `signal` aborted with, when nothing is left of the start
 */
export const startStack = async (options: StackOptions = {}): Promise<Stack> => {
  const {
    postgres = true,
    redis = true,
    pubsub = true,
    pubsubEmulatorHost: emulatorHost,
    superuser,
    log = () => {},
    signal,
  } = options
  signal?.throwIfAborted()
  const ports = { ...defaultPorts, ...options.ports }
  // With a given emulator the port is the given one.
  const pubsubPort = emulatorHost ? 0 : ports.pubsub
  const none = Promise.resolve(undefined)
  const starting = [
    postgres
      ? announced('PostgreSQL', ports.postgres, log, (port) =>
          startPostgres({ port, superuser, log, signal }),
        )
      : none,
    redis ? announced('Redis', ports.redis, log, (port) => startRedis({ port, log, signal })) : none,
    pubsub
      ? announced('Pub/Sub emulator', pubsubPort, log, (port) => startPubsub({ port, emulatorHost }))
      : none,
  ] as const
  await allOrNone(starting, signal)
  const [postgresServer, redisServer, pubsubServer] = await Promise.all(starting)
  const missing = redis && redisServer === undefined ? [noRedis] : []
  for (const { service, why, fix } of missing) log(`no ${service}: ${why} (${fix})`)

  const stop = async (): Promise<void> => {
    await Promise.all([postgresServer?.stop(), redisServer?.stop(), pubsubServer?.stop()])
  }
  return {
    ...(postgresServer && { postgres: postgresServer }),
    ...(redisServer && { redis: redisServer }),
    ...(pubsubServer && { pubsub: pubsubServer }),
    missing,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
