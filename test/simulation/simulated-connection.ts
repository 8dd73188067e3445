import type { BypassCause } from '#core/cache.ts'
import { RedisFailure } from '#redis/failure.ts'
import type { ScriptRunner } from '#redis/script-runner.ts'
import type { Host } from './host.ts'
import { never } from './host.ts'
import type { SimulatedRedis } from './simulated-redis.ts'
import type { Story } from './story.ts'
import type { Wire } from './wire.ts'

const commandTimeoutMs = 500

/** What the server answers to everything, while something is wrong with it. */
export const refusals = ['loading', 'read-only', 'out-of-memory', 'no-rights', 'refused'] as const
export type Refusal = Extract<BypassCause, (typeof refusals)[number]>

/** Where the server stands, and what is wrong with it. */
export class RedisHost {
  readonly server: SimulatedRedis
  readonly wire: Wire
  readonly story: Story
  refusal: Refusal | undefined
  readonly connections = new Set<SimulatedConnection>()
  #away = false
  #frozen: (() => void)[] | undefined

  constructor(server: SimulatedRedis, wire: Wire, story: Story) {
    this.server = server
    this.wire = wire
    this.story = story
  }

  get away(): boolean {
    return this.#away
  }

  leave(): void {
    this.#away = true
    this.#frozen = undefined
    for (const connection of this.connections) connection.lose()
  }

  comeBack(): void {
    this.#away = false
    for (const connection of this.connections) connection.reconnect()
  }

  freeze(): void {
    this.#frozen ??= []
  }

  thaw(): void {
    const waiting = this.#frozen ?? []
    this.#frozen = undefined
    for (const work of waiting) work()
  }

  receive(work: () => void): void {
    if (this.#away) return
    if (this.#frozen) this.#frozen.push(work)
    else work()
  }
}

/** Stands where a process has its `RedisConnection`: nothing is queued, nothing is sent twice. */
export class SimulatedConnection implements ScriptRunner {
  readonly #host: Host
  readonly #redis: RedisHost
  readonly #pending = new Set<(failure: RedisFailure) => void>()
  #opened: () => void = () => {}
  #connected: boolean
  #closed = false

  constructor(host: Host, redis: RedisHost) {
    this.#host = host
    this.#redis = redis
    this.#connected = !redis.away
    redis.connections.add(this)
  }

  get away(): RedisFailure | undefined {
    return this.#connected ? undefined : new RedisFailure('disconnected', 'simulated')
  }

  onOpened(heard: () => void): void {
    this.#opened = heard
  }

  async attempted(): Promise<void> {}

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
    const fate = wire.fate()
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

  isOf(host: Host): boolean {
    return this.#host === host
  }

  close(): void {
    this.#closed = true
    this.#redis.connections.delete(this)
  }

  /** Whoever waits for an answer hears that there will be none. */
  lose(): void {
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
    story.tell('redis', () => `${this.#host.name} ${args[0]}: ${answer}`)
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
