import { RedisFailure } from '#redis/failure.ts'
import type { ScriptRunner } from '#redis/script-runner.ts'
import type { Host } from './host.ts'
import { never } from './host.ts'
import type { RedisEndpoint } from './redis-endpoint.ts'

const commandTimeoutMs = 500

/** Stands where a process has its `RedisConnection`: nothing is queued, nothing is sent twice. */
export class SimulatedRedisConnection implements ScriptRunner {
  readonly #host: Host
  readonly #redis: RedisEndpoint
  readonly #pending = new Set<(failure: RedisFailure) => void>()
  #opened: () => void = () => {}
  #connected: boolean
  #closed = false

  constructor(host: Host, redis: RedisEndpoint) {
    this.#host = host
    this.#redis = redis
    this.#connected = !redis.away
    redis.connections.add(this)
  }

  get unavailableReason(): RedisFailure | undefined {
    return this.#connected ? undefined : new RedisFailure('disconnected', 'simulated')
  }

  onOpened(heard: () => void): void {
    this.#opened = heard
  }

  async firstAttempt(): Promise<void> {}

  async run(keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const operation = String(args[0])
    const { wire } = this.#redis
    if (operation === 'begin') this.#host.at('begin sent')
    if (operation === 'confirm') this.#host.at('confirm sent')
    if (operation === 'release') this.#host.at('release sent')
    if (!this.#host.alive) return never()
    if (this.#closed || !this.#connected) throw new RedisFailure('disconnected', 'simulated')
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const fail = (failure: RedisFailure) => reject(failure)
    const cancel = this.#host.clock.after(commandTimeoutMs, () =>
      fail(new RedisFailure('timeout', 'simulated: timed out')),
    )
    this.#pending.add(fail)
    const fate = wire.fate(() => `${operation} of ${this.#host.name}`)
    const travelMs = fate === 'late' ? wire.lateMs(commandTimeoutMs) : wire.latencyMs()
    const work = () => this.#serve(keys, args, (reply) => this.#reply(fate === 'well', reply, resolve, fail))
    if (fate !== 'request lost') wire.after(travelMs, () => this.#redis.receive(work))
    try {
      return await promise
    } finally {
      cancel()
      this.#pending.delete(fail)
      if (operation === 'begin') this.#host.at('begin answered')
    }
  }

  close(): void {
    this.#closed = true
    this.#redis.connections.delete(this)
  }

  /** Rejects the calls that wait for an answer. */
  cut(): void {
    this.#connected = false
    if (!this.#host.alive) return
    for (const fail of this.#pending) fail(new RedisFailure('disconnected', 'simulated'))
  }

  reconnect(): void {
    const { wire } = this.#redis
    wire.after(100 + wire.below(3000), () => {
      if (this.#redis.away || this.#closed || !this.#host.alive) return
      this.#connected = true
      this.#opened()
    })
  }

  #serve(
    keys: readonly string[],
    args: readonly (string | number)[],
    reply: (answer: string | number | RedisFailure) => void,
  ): void {
    const { server, story, refusal } = this.#redis
    if (refusal) return reply(new RedisFailure(refusal, 'simulated'))
    const answer = server.run(keys, args)
    story.tell('redis', () => `${this.#host.name} ${args[0]} ${keys.map(shortOf).join(' ')}: ${answer}`)
    reply(answer)
  }

  #reply(
    arrives: boolean,
    reply: string | number | RedisFailure,
    resolve: (answer: unknown) => void,
    fail: (failure: RedisFailure) => void,
  ): void {
    if (!arrives) return
    const { wire } = this.#redis
    wire.after(wire.latencyMs(), () => {
      if (!this.#host.alive) return
      if (reply instanceof RedisFailure) fail(reply)
      else resolve(reply)
    })
  }
}

/** Of a cache key what a story's reader looks for: `w:` or `c:` and the record's key. */
function shortOf(key: string): string {
  return key.slice(key.indexOf('}') + 2)
}
