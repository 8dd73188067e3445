import { aborted } from '#app/serving.ts'
import { sleep, systemClock } from '#runtime/clock.ts'
import { writeDuration } from '#config/values.ts'
import { subscriptionName } from '#pubsub/resource-names.ts'
import { PlannedRequests } from './planned-requests.ts'
import type { RequestRecord } from './request-ledger.ts'
import { RequestLedger } from './request-ledger.ts'
import { brokenPromises, uncounted } from './verdict.ts'
import { Random } from '../random.ts'
import type { Remaining } from '../fleet-counts.ts'
import { drainLimitMs } from '../fleet-counts.ts'
import type { DemoSetup, RowsView, Traffic, Verification } from '../system.ts'
import { unlessForced } from '../unless-forced.ts'
import type { Gateways } from './gateways.ts'
import { startGateways } from './gateways.ts'
import { IncrementClient } from './increment-client.ts'
import { UnreliableBroker } from './unreliable-broker.ts'
import { IngesterProgram } from './ingester-program.ts'
import { countDeadLetters, readLargestSums, readSums } from './sums.ts'

export interface IncrementsDemoOptions {
  /** Requests a second. */
  readonly rate: number
  /** Deliveries that are made twice, in percent. */
  readonly duplicates: number
  /** One of them in a process of its own. */
  readonly replicas: number
  readonly gateways: number
  /** Whether a gateway and an ingester are killed with -9. */
  readonly kills: boolean
  /** For how long, in the middle, the broker takes and delivers nothing: milliseconds, less than the demo's time. */
  readonly pauseBroker: number
  readonly seed: number
}

const mixture = { keyed: 70, malformed: 3 }
/** Of confirmed requests with a key: made once more, in percent. */
const repeated = 5
/** Of the broker's answers to gateways. */
const lostReplies = 0.005
const tickMs = 20
/** Requests that wait for an answer. More are not made: nothing is known of a system that is not asked. */
const maxOpen = 1000
const answerWithinMs = 2000
const retryForMs = 20_000
const drainLookMs = 250

interface Parts {
  readonly gateways: Gateways
  readonly ingester: IngesterProgram
  readonly broker: UnreliableBroker
}

/** Clients, and the gateways between them and the topic. */
export class IncrementTraffic implements Traffic {
  readonly facts: Traffic['facts']
  readonly #setup: DemoSetup
  readonly #options: IncrementsDemoOptions
  readonly #parts: Parts
  readonly #resources: AsyncDisposableStack
  readonly #ledger = new RequestLedger()
  readonly #random: Random
  readonly #requests: PlannedRequests
  readonly #client: IncrementClient
  readonly #open = new Set<Promise<void>>()
  readonly #killing = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  #kills = 0

  private constructor(
    setup: DemoSetup,
    options: IncrementsDemoOptions,
    parts: Parts,
    resources: AsyncDisposableStack,
  ) {
    this.#setup = setup
    this.#options = options
    this.#parts = parts
    this.#resources = resources
    this.#random = new Random(options.seed)
    this.#requests = new PlannedRequests(() => this.#random.next(), mixture)
    this.#client = resources.use(
      new IncrementClient({
        urls: parts.gateways.urls,
        timeoutMs: answerWithinMs,
        retryForMs,
        stopping: this.#stopping.signal,
        forceStop: setup.forceStop,
      }),
    )
    const { rate, duplicates, kills, seed } = options
    const often = setup.forMs === undefined ? 'every 20 s' : 'once'
    const killed = kills ? `; a gateway and an ingester are killed with -9 ${often}` : ''
    this.facts = [
      ...parts.gateways.facts,
      ['clients', `${rate}/s; ${duplicates}% of messages are delivered twice${killed}; seed ${seed}`],
    ]
  }

  /** @throws ServiceError with the last lines of what does not come up */
  static async start(
    setup: DemoSetup,
    options: IncrementsDemoOptions,
    caddyfile: string,
  ): Promise<IncrementTraffic> {
    await using starting = new AsyncDisposableStack()
    const { config, environment, report: log, signal, forceStop } = setup
    const ingester = starting.use(
      await IngesterProgram.start(environment, {
        log,
        signal,
        forceStop,
        settleWithinMs: config.shutdownTimeoutMs,
      }),
    )
    const gateways = await startGateways(setup, { count: options.gateways, caddyfile }, starting)
    const broker = new UnreliableBroker(setup.stack.pubsub, {
      duplicates: options.duplicates / 100,
      lostReplies,
    })
    if (!broker.canMisbehave && (options.duplicates > 0 || options.pauseBroker > 0))
      log('the broker is not paused and delivers nothing twice on purpose: the emulator is a given one')
    return new IncrementTraffic(setup, options, { gateways, ingester, broker }, starting.move())
  }

  get published(): number {
    return this.#ledger.counts().confirmed
  }

  get adminUrls() {
    return [this.#parts.ingester.adminUrl]
  }

  get counts() {
    return this.#parts.ingester.counts
  }

  get problems(): readonly string[] {
    return [...this.#parts.gateways.programs, this.#parts.ingester].flatMap(({ problem }) => problem ?? [])
  }

  get status(): Traffic['status'] & {} {
    const { requests, confirmed, unknown, refused } = this.#ledger.counts()
    const counts = { requests, confirmed, unknown, refused, kills: this.#kills }
    return [
      'clients',
      Object.entries(counts)
        .map(([name, count]) => `${count.toLocaleString('en')} ${name}`)
        .join(' · '),
    ]
  }

  get ownCounts() {
    return { ...this.#ledger.counts(), keys: this.#ledger.keys, kills: this.#kills }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { forMs } = this.#setup
    const ended = new AbortController()
    const either = AbortSignal.any([signal, ended.signal])
    const kills = this.#options.kills ? this.#kill(forMs, either) : undefined
    const pause = this.#pauseBroker(forMs, either)
    await this.#send(forMs ?? Infinity, signal)
    ended.abort()
    await Promise.all([kills, pause])
    // What was killed is to come back, also for who waits for its answer.
    await Promise.all(this.#killing)
    if (!signal.aborted) return
    this.#stopping.abort()
    await Promise.all(this.#open)
  }

  async drain(): Promise<Remaining> {
    const limit = AbortSignal.any([this.#setup.forceStop, AbortSignal.timeout(drainLimitMs)])
    await Promise.race([Promise.all(this.#open), aborted(limit)])
    for (;;) {
      await this.#parts.ingester.read()
      const remaining = await this.#remaining()
      if (limit.aborted || (remaining.undelivered === 0 && remaining.unsettled === 0)) return remaining
      await sleep(systemClock, drainLookMs, limit)
    }
  }

  async newestRows(limit: number): Promise<RowsView> {
    const rows = await readLargestSums(this.#setup.config, limit)
    return {
      head: ['largest sums', 'value'],
      numeric: [1],
      cells: rows,
    }
  }

  verify(forceStop: AbortSignal): Promise<Verification | undefined> {
    return unlessForced(forceStop, async () => {
      const sums = await readSums(this.#setup.config)
      const differences = [...brokenPromises(this.#ledger.records, sums), ...this.problems]
      const deadLetters = await countDeadLetters(this.#setup.config)
      if (deadLetters > 0)
        differences.push(`there are ${deadLetters} dead letters, and every message could be stored`)
      return { rows: sums.size, differences }
    })
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    // From now on ingesters receive nothing: what they have counted when that is settled is final.
    this.#parts.broker.stopDelivering()
    await this.#resources.disposeAsync()
  }

  async #send(forMs: number, signal: AbortSignal): Promise<void> {
    const beganMs = systemClock.now()
    for (let made = 0; !signal.aborted; ) {
      const elapsedMs = systemClock.now() - beganMs
      if (elapsedMs >= forMs) return
      const due = Math.floor((this.#options.rate * (elapsedMs + tickMs)) / 1000) - made
      made += due
      for (let i = 0; i < due && this.#open.size < maxOpen; i++) this.#make()
      await sleep(systemClock, tickMs, signal)
    }
  }

  #make(): void {
    const record = this.#ledger.add(this.#requests.next())
    const isRepeated = this.#random.next() * 100 < repeated
    const sent = this.#sendOne(record, isRepeated).finally(() => this.#open.delete(sent))
    this.#open.add(sent)
  }

  async #sendOne(record: RequestRecord, isRepeated: boolean): Promise<void> {
    await this.#client.send(record)
    const { idempotencyKey } = record.request
    if (!isRepeated || idempotencyKey === undefined || record.outcome !== 'confirmed') return
    await sleep(systemClock, 2000 * Math.random(), this.#stopping.signal)
    if (!this.#stopping.signal.aborted) await this.#client.repeat(record)
  }

  /** A gateway after a third of the time and an ingester after half of it; without an end both every 20 s. */
  async #kill(forMs: number | undefined, signal: AbortSignal): Promise<void> {
    for (let round = 0; ; round++) {
      await sleep(systemClock, forMs === undefined ? 10_000 : forMs / 3, signal)
      if (signal.aborted) return
      const { programs } = this.#parts.gateways
      const gateway = programs[round % programs.length]
      if (gateway) this.#killOne(gateway)
      await sleep(systemClock, forMs === undefined ? 10_000 : forMs / 6, signal)
      if (signal.aborted) return
      this.#killOne(this.#parts.ingester)
      if (forMs !== undefined) return
    }
  }

  async #pauseBroker(forMs: number | undefined, signal: AbortSignal): Promise<void> {
    const ms = this.#options.pauseBroker
    const { broker } = this.#parts
    if (ms === 0 || forMs === undefined || !broker.canMisbehave) return
    await sleep(systemClock, (forMs - ms) / 2, signal)
    if (signal.aborted) return
    this.#setup.report(`the broker is paused for ${writeDuration(ms)}`)
    await broker.pause(ms, signal)
    this.#setup.report('the broker works again')
  }

  #killOne(one: { kill(): Promise<void> }): void {
    this.#kills += 1
    const killed = one
      .kill()
      .catch((error: unknown) => this.#setup.report(String(error)))
      .finally(() => this.#killing.delete(killed))
    this.#killing.add(killed)
  }

  /** What the broker has, as its emulator tells; of one that is given, what must have arrived and is not counted. */
  async #remaining(): Promise<Remaining> {
    const { stack, fleet, config } = this.#setup
    const unsettled = fleet.outstanding + this.counts.outstanding
    const { emulator } = stack.pubsub ?? {}
    if (!emulator) {
      const undelivered = uncounted(this.#ledger.records, await readSums(config))
      return { undelivered: Math.max(0, undelivered - unsettled), unsettled }
    }
    const { projectId, subscriptionId = '' } = config.pubsub
    const { counts } = emulator.inspect(subscriptionName(projectId, subscriptionId))
    return {
      undelivered: counts.available + counts.waiting,
      unsettled: Math.max(unsettled, counts.leased),
    }
  }
}
