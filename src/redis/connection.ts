import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RedisOptions as ClientOptions } from 'ioredis'
import { Redis } from 'ioredis'
import { messageOf } from '#core/error-message.ts'
import type { Secret } from '#core/secret.ts'
import { reveal } from '#core/secret.ts'
import { trustedAuthorities } from '#runtime/authorities.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import { RedisFailure, asRedisFailure, isScriptLost } from './failure.ts'
import type { ScriptRunner } from './script-runner.ts'

export interface RedisOptions {
  readonly host: string
  readonly port: number
  readonly password?: Secret | undefined
  readonly db: number
  readonly tls: boolean
  /** A PEM file of certificate authorities, in addition to those of Node.js. */
  readonly authoritiesFile?: string | undefined
  /** A call not answered by then counts as lost; after twice this time the connection is replaced. */
  readonly answerWithinMs?: number | undefined
  /** What `run` runs; the cache's protocol unless there is another. */
  readonly script?: string
}

const protocol = readFileSync(new URL('protocol.lua', import.meta.url), 'utf8')

/**
 * Tens of milliseconds would reject answers that have come while the event loop was busy; by this time the database
 * has long done the work itself.
 */
const defaultAnswerWithinMs = 500
const connectTimeoutMs = 2000
const disconnectTimeoutMs = 100
/** A connection that was lost sooner was none: a proxy without a server behind it takes and drops them at once. */
const settledMs = 5000

/**
 * One connection, opened in the background again and again, on which nothing is queued while it is away and nothing
 * is sent twice: a cache's answer is of use now or not at all.
 */
export class RedisConnection implements ScriptRunner {
  readonly #client: Redis
  readonly #script: string
  readonly #scriptSha: string
  #lastError: unknown
  /** By the server itself: password or database. */
  #turnedAway = false
  /** Why the password could not be read. */
  #unread: unknown
  readonly #heard: (() => void)[] = []
  /** When it was connected the last time; infinitely late before that. */
  #readyAtMs = Infinity

  constructor(options: RedisOptions) {
    const { host, port, db, answerWithinMs = defaultAnswerWithinMs, script = protocol } = options
    this.#script = script
    this.#scriptSha = createHash('sha1').update(script).digest('hex')
    const backoff = reconnectBackoff()
    this.#client = new Redis({
      host,
      port,
      db,
      ...tlsOptions(options),
      lazyConnect: true,
      connectionName: 'ingester',
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      // Commands that a lost connection leaves without an answer fail at once.
      maxRetriesPerRequest: 0,
      // A server that loads its data says so in the answer to each command.
      enableReadyCheck: false,
      commandTimeout: answerWithinMs,
      socketTimeout: 2 * answerWithinMs,
      connectTimeout: connectTimeoutMs,
      // A server that is away does not answer our goodbye either.
      disconnectTimeout: disconnectTimeoutMs,
      keepAlive: 10_000,
      retryStrategy: () => {
        if (performance.now() - this.#readyAtMs >= settledMs) backoff.reset()
        this.#readyAtMs = Infinity
        return backoff.next()
      },
      // After a failover the name may stand for another server: look again.
      reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    })
    this.#passwordFrom(options)
    this.#client.on('connect', () => (this.#turnedAway = false))
    this.#client.on('error', (error) => {
      this.#lastError = error
      this.#turnedAway = true
    })
    this.#client.on('ready', () => {
      // ioredis continues all the same: without a password, or in database 0.
      if (this.#turnedAway) return this.#client.disconnect(true)
      this.#lastError = undefined
      this.#readyAtMs = performance.now()
      for (const heard of this.#heard) heard()
    })
    // Its failures are those of the events.
    this.#client.connect().catch(() => {})
  }

  /** Why no call can be made now; undefined while connected. */
  get unavailableReason(): RedisFailure | undefined {
    if (this.#client.status === 'ready' && !this.#turnedAway) return undefined
    if (this.#unread !== undefined) return new RedisFailure('no-rights', messageOf(this.#unread), [])
    return this.#lastError === undefined
      ? new RedisFailure('disconnected', 'the connection was lost, or is not open yet')
      : asRedisFailure(this.#lastError)
  }

  onOpened(heard: () => void): void {
    this.#heard.push(heard)
  }

  /** Resolves when it is connected or an attempt has failed, whichever comes first. */
  async firstAttempt(): Promise<void> {
    if (!this.unavailableReason) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const events = ['ready', 'close'] as const
    for (const event of events) this.#client.once(event, resolve)
    await promise
    for (const event of events) this.#client.off(event, resolve)
  }

  /**
   * Runs the script. An answer or a failure comes within half a second; within a whole one where Redis has
   * forgotten the script, and has to be sent it.
   *
   * @throws RedisFailure
   */
  async run(keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const call = [this.#scriptSha, keys.length, ...keys, ...args]
    try {
      return await this.#client.call('EVALSHA', call)
    } catch (error) {
      if (!isScriptLost(error)) throw this.#failureOf(error)
    }
    try {
      return await this.#client.call('EVAL', call.with(0, this.#script))
    } catch (error) {
      throw this.#failureOf(error)
    }
  }

  /**
   * Asks with a command that changes nothing; an answer or a failure comes within half a second.
   *
   * @throws RedisFailure
   */
  async read(command: 'MGET' | 'PTTL', keys: readonly string[]): Promise<unknown> {
    try {
      return await this.#client.call(command, [...keys])
    } catch (error) {
      throw this.#failureOf(error)
    }
  }

  close(): void {
    this.#client.disconnect()
  }

  /** ioredis reads the option at each connection. While its file is away the server decides about the last one. */
  #passwordFrom({ password: secret }: RedisOptions): void {
    if (secret === undefined) return
    let last: string | undefined
    Object.defineProperty(this.#client.options, 'password', {
      get: () => {
        try {
          last = reveal(secret)
          this.#unread = undefined
        } catch (error) {
          this.#unread = error
        }
        return last
      },
    })
  }

  /** Why the connection was lost says more than that it was. */
  #failureOf(error: unknown): RedisFailure {
    const failure = asRedisFailure(error)
    return failure.bypass === 'disconnected' ? (this.unavailableReason ?? failure) : failure
  }
}

export function tlsOptions({ tls, authoritiesFile }: RedisOptions): Pick<ClientOptions, 'tls'> {
  if (!tls) return {}
  const authorities = trustedAuthorities(authoritiesFile)
  return {
    tls: {
      // Read by ioredis once a connection.
      get secureContext() {
        return authorities()
      },
    },
  }
}
