import { Random } from '#demo/random.ts'
import { countsOnce } from '#core/pipeline.ts'
import { attributesOf } from '#dead-letters/redrive-batch.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { CountJudge } from './count-judge.ts'
import type { PublishedAs } from './identities.ts'
import { Publishers } from './identities.ts'
import { Judge, noticedWithinMs } from './judge.ts'
import type { Plan, PlannedEvent, ReplayedEvent } from './plan.ts'
import { isReplayed } from './plan.ts'
import { PostgresEndpoint } from '../simulated/servers/postgres-endpoint.ts'
import { RedisEndpoint } from '../simulated/servers/redis-endpoint.ts'
import type { Referee } from './referee.ts'
import { Replica } from './replica.ts'
import { SimulatedBroker } from '../simulated/servers/broker.ts'
import { SimulatedPostgres } from '../simulated/servers/postgres.ts'
import { StoreFaults } from './store-faults.ts'
import { Story } from '../simulated/servers/story.ts'
import { WatchedRedis } from './watched-redis.ts'
import { Wire, calm } from '../simulated/servers/wire.ts'
import type { PlannedMessage, PlannedRecord, Workload } from './workload.ts'
import { refused } from '../simulated/servers/postgres-errors.ts'
import { workloads } from './workloads.ts'

/** After the last fault everything must be settled within this virtual time. */
const settlingMs = 120_000
/**
 * Then all stop, within the time that they have for it. A refused row that came twice may be left without a neighbour:
 * its process alone may need a forced shutdown.
 */
const stoppingMs = 30_000
/** Requests that outlived their caller's timeout have landed by then. */
const landingMs = 90_000
/** When all is acked every replica has recovered by then: three rejections after a frozen statement take half a minute. */
const recoveringMs = 60_000
const neighboursEveryMs = 1500
const neighboursAtOnce = 12
/** Spread over all lanes. */
const neighbourKeys = 200
/** With this many timers a schedule does not end: of 4,000 none fired 20,000. */
const mostTimers = 1_000_000

/** Replicas, servers and wires of one schedule, in virtual time. */
export class Universe {
  readonly clock = new VirtualClock(mostTimers)
  readonly story: Story
  readonly broker: SimulatedBroker
  readonly replicas: Replica[] = []
  readonly #plan: Plan
  readonly #workload: Workload
  readonly #postgres: PostgresEndpoint
  readonly #redis: RedisEndpoint
  readonly #storeFaults: StoreFaults
  readonly #judge: Referee
  readonly #publishers = new Publishers()
  readonly #published = new Map<string, { readonly message: PlannedMessage; readonly as: PublishedAs }>()
  /** Dead letters that were published again, and marked. */
  readonly #redriven = new Set<string>()
  #neighbours = 0
  readonly #restartMs: number[]
  readonly #slots: (Replica | undefined)[]
  #healed = false
  #closing = false

  constructor(plan: Plan, telling: boolean) {
    this.#plan = plan
    this.#workload = workloads[plan.workload]
    this.story = new Story(this.clock, telling)
    const random = (salt: number) => new Random(plan.dice + salt)
    const wire = (name: 'redis' | 'postgres' | 'broker', salt: number) =>
      new Wire(name, plan.weather[name], this.clock, random(salt), this.story)
    const { sink } = this.#workload.pipeline
    const postgres = new SimulatedPostgres(
      sink,
      {
        placed: (version) => this.#judge.placed(version),
        removed: (row) => this.#judge.removed(row),
        counted: (...given) => this.#judge.counted(...given),
        deadLettered: (deadLetter) => this.#judge.deadLettered(deadLetter),
      },
      () => this.clock.unixMs(),
    )
    const { clock, story } = this
    const horizons = { shortestMs: Math.min(...this.#horizonsMs), longestMs: Math.max(...this.#horizonsMs) }
    this.#judge = countsOnce(sink)
      ? new CountJudge({ workload: this.#workload, postgres, story, clock, horizons })
      : new Judge(this.#workload, postgres, story)
    const redis = new WatchedRedis(this.clock, this.story, this.#judge)
    this.#postgres = new PostgresEndpoint(postgres, wire('postgres', 1), this.story)
    this.#redis = new RedisEndpoint(redis, wire('redis', 2), this.story)
    this.#storeFaults = new StoreFaults(this.clock, this.#postgres, this.#redis, (key) =>
      this.#workload.rowKeyOf(key),
    )
    const dice = random(3)
    this.broker = new SimulatedBroker({
      clock: this.clock,
      wire: wire('broker', 4),
      story: this.story,
      random: () => dice.next(),
      retainAcked: plan.events.some(isReplayed),
      leaseMs: plan.ackDeadlineMs,
      beforeAck: (ack) => this.#judge.beforeAck(ack),
      holderOf: (ackId) => this.replicas.find((replica) => replica.holds(ackId))?.name,
    })
    this.#restartMs = Array.from({ length: plan.replicas }, () => 0)
    this.#slots = Array.from({ length: plan.replicas }, () => undefined)
  }

  /** Plays the plan, heals everything, and looks at what is left. */
  async run(): Promise<void> {
    this.#worsen()
    for (const slot of this.#slots.keys()) this.#start(slot)
    for (const event of this.#plan.events) this.clock.after(event.atMs, () => this.#happen(event))
    const lastMs = this.#plan.events.reduce((latest, { atMs }) => Math.max(latest, atMs), 0)
    await this.#advance(lastMs + 1)
    // What a plan emptied is delivered again, whenever that is.
    await this.#advance(Math.max(0, this.#replayMs - this.clock.now()))
    this.#heal()
    await this.#settle()
    await this.#recover()
    if (this.#isBroken) return
    await this.#stopAll()
    await this.#advance(landingMs)
    if (!this.#isBroken) this.#check()
  }

  get #isBroken(): boolean {
    return this.story.breaches.length > 0
  }

  get #plannedRecords(): PlannedRecord[] {
    return this.#plan.events.flatMap((event) => (event.do === 'publish' ? event.message : []))
  }

  get #isPoisoned(): boolean {
    const { mayBeRefused = ({ content }) => content in refused } = this.#workload
    return this.#plannedRecords.some(mayBeRefused)
  }

  get #horizonsMs(): readonly number[] {
    return (this.#plan.horizonHours ?? [24]).map((hours) => hours * 3_600_000)
  }

  get #needsNeighbours(): boolean {
    if (!this.#isPoisoned) return false
    const odd = this.#plannedRecords.some(({ content }) => content === 'odd')
    return odd || this.#postgres.server.rows.size === 0
  }

  get #replayMs(): number {
    return this.#plan.events.reduce(
      (latest, event) => (isReplayed(event) ? Math.max(latest, replayAtMs(event)) : latest),
      0,
    )
  }

  #worsen(): void {
    const { conflicts, timeouts, strays, duplicates, responsesLost, shuffle, dawdleMs, ignoresFlowControl } =
      this.#plan
    Object.assign(this.#postgres, { conflicts, timeouts, strays })
    Object.assign(this.broker, { responsesLost })
    Object.assign(this.broker.faults, {
      duplicateShare: duplicates,
      shuffleWindow: shuffle,
      maxDelayMs: dawdleMs,
      ignoreFlowControl: ignoresFlowControl,
    })
    if (this.#plan.events.some((event) => event.do === 'redis fails over')) this.#storeFaults.copyRedis()
  }

  #heal(): void {
    this.#healed = true
    this.#storeFaults.over = true
    this.story.tell('world', () => 'all is well from now on')
    for (const endpoint of [this.#postgres, this.#redis]) {
      endpoint.wire.weather = calm
      endpoint.thaw()
      endpoint.comeBack()
    }
    this.#postgres.server.disorder = undefined
    this.#postgres.server.parentsLost = false
    this.#postgres.server.locks.releaseForApplication()
    this.#redis.refusal = undefined
    this.broker.wire.weather = calm
    this.broker.comeBack()
    Object.assign(this.#postgres, { conflicts: 0, timeouts: 0, strays: 0 })
    this.broker.responsesLost = 0
    Object.assign(this.broker.faults, {
      duplicateShare: 0,
      shuffleWindow: 0,
      maxDelayMs: 0,
      ignoreFlowControl: false,
    })
    for (const [slot, replica] of this.#slots.entries()) {
      replica?.spare()
      if (!replica?.alive) this.#start(slot)
    }
  }

  /**
   * A refused row that may be innocent is dead-lettered only beside one that is stored: as long as something waits, it
   * gets neighbours. Where a check of the table refuses it, a row that stands there has to do.
   */
  async #settle(): Promise<void> {
    const began = this.clock.now()
    const planned = new Set(this.broker.accepted)
    let round = 0
    const isOver = () => this.broker.unacked.length === 0 || this.#isBroken
    while (!isOver() && this.clock.now() - began < settlingMs) {
      if (this.#needsNeighbours && this.broker.unacked.some((id) => planned.has(id))) {
        this.#publishNeighbours(round)
        round += 1
      }
      await this.#advance(this.#isPoisoned ? neighboursEveryMs : 250)
    }
    if (this.#isPoisoned && round === 0) this.story.count('settled without a neighbour')
    this.story.settledAfterMs = this.clock.now() - began
    // Checked before any replica is stopped: a graceful shutdown would settle what had been forgotten.
    const { unacked } = this.broker
    if (isOver()) return
    this.story.breach(
      'settling',
      `${unacked.join(', ')} not acked ${settlingMs / 1000} s after the last fault`,
    )
  }

  #publishNeighbours(round: number): void {
    this.story.tell('publisher', () => `${neighboursAtOnce} neighbours, version ${round}`)
    for (let i = 0; i < neighboursAtOnce; i++) {
      const key = this.#workload.keys + this.broker.wire.below(neighbourKeys)
      this.#neighbours += 1
      const content = this.#workload.neighbourContent?.(this.#neighbours) ?? 'neighbour'
      this.#publish([{ key, version: String(round), content }])
    }
  }

  /** What one replica has settled another one may still try to. */
  async #recover(): Promise<void> {
    const ailing = () => this.replicas.filter(({ ailment }) => ailment !== undefined)
    for (let left = recoveringMs; left > 0 && ailing().length > 0; left -= 5000) await this.#advance(5000)
    for (const { name, ailment } of ailing()) this.story.breach('recovery', `${name} ${ailment}`)
  }

  async #stopAll(): Promise<void> {
    this.#closing = true
    const living = this.#slots.filter((replica): replica is Replica => replica?.alive === true)
    // The time of some has begun to run before.
    const inTime = living.filter(({ stopping }) => !stopping)
    for (const replica of living) replica.drain()
    await this.#advance(stoppingMs)
    for (const replica of living) {
      const isGivenUp = replica.aborted && inTime.includes(replica) && !this.#isPoisoned
      if (!replica.stopped || isGivenUp)
        this.story.breach('stopping', `${replica.name} does not shut down gracefully: ${replica.unfinished}`)
    }
  }

  #check(): void {
    this.#judge.checkEnding(this.broker.acked, settlingMs)
    this.#judge.checkWatermarks(this.#redis.server)
    this.#judge.checkCounts(this.replicas)
    for (const { name, timers, stopped } of this.replicas) {
      if (stopped && timers > 0)
        this.story.breach('stopping', `${name} has stopped, and left ${timers} timers`)
    }
  }

  /** In steps, so that what is wrong is seen soon after. */
  async #advance(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !this.#isBroken; left -= 5000) {
      await this.clock.advance(Math.min(left, 5000))
      this.#judge.checkCounts(this.replicas)
    }
  }

  #start(slot: number): void {
    const generation = this.replicas.filter(({ name }) => name.startsWith(`r${slot}`)).length
    const name = `r${slot}${generation === 0 ? '' : `'${generation}`}`
    const around = {
      plan: this.#plan,
      clock: this.clock,
      story: this.story,
      broker: this.broker,
      postgres: this.#postgres,
      redis: this.#redis,
      judge: this.#judge,
      horizonMs: this.#horizonsMs[slot % this.#horizonsMs.length] as number,
    }
    const replica = new Replica(name, around, () => this.#ended(slot))
    this.#slots[slot] = replica
    this.replicas.push(replica)
    replica.start()
  }

  #ended(slot: number): void {
    if (this.#closing) return
    const ended = this.#slots[slot]
    this.clock.after(this.#healed ? 0 : (this.#restartMs[slot] ?? 0), () => {
      if (this.#slots[slot] === ended && !this.#closing) this.#start(slot)
    })
  }

  #publish(message: PlannedMessage, as: PublishedAs = { attributes: {} }): void {
    const text = this.#workload.textOf(message)
    const id = String(this.broker.accepted.length + 1)
    const { identity = `message ${id}`, publishedMs = this.clock.unixMs() } = as
    this.#published.set(id, { message, as: { ...as, identity, publishedMs } })
    this.#judge.published(id, message, as)
    this.broker.publish(text, as.attributes)
    if (message.length > 1) this.story.count('published: several records')
    if (message.some(({ gone }) => gone)) this.story.count('published: a deletion')
    if (as.identity !== undefined) this.story.count('published: under a given identity')
    const isNeighbour = (message[0]?.key ?? 0) >= this.#workload.keys
    const under =
      as.identity === undefined ? '' : ` as ${identity}, of ${new Date(publishedMs).toISOString()}`
    if (!isNeighbour) this.story.tell('publisher', () => `message ${id}${under}: ${text}`)
  }

  /** A model of the redrive, with the attributes of the real one. */
  #redrive(isMarked: boolean): void {
    for (const [identity, deadLetter] of this.#postgres.server.deadLetters) {
      const published = this.#published.get(deadLetter.messageId)
      if (!published || this.#redriven.has(identity)) continue
      const { messageId, publishTimeMs } = deadLetter
      const attributes = attributesOf({ ...deadLetter, publishTime: new Date(publishTimeMs) }, false)
      this.story.tell('redrive', () => `of message ${messageId} (${deadLetter.reason})`)
      this.story.count('redriven')
      this.#publish(published.message, { ...published.as, attributes })
      if (isMarked) this.#redriven.add(identity)
    }
  }

  #passTime(ms: number): void {
    this.clock.leap(ms)
    this.story.tell('world', () => `it is ${new Date(this.clock.unixMs()).toISOString()}`)
    // Some see to the days at once, others when their turn comes.
    for (const replica of this.#slots) if (this.broker.wire.below(2) === 0) replica?.keepIdentities()
  }

  #happen(event: PlannedEvent): void {
    const { story, broker } = this
    if (event.do !== 'publish') {
      story.count(`event: ${event.do}`)
      story.tell('world', () => JSON.stringify(event))
    }
    switch (event.do) {
      case 'publish':
        return this.#publishPlanned(event)
      case 'redrive':
        return this.#redrive(event.isMarked)
      case 'time passes':
        return this.#passTime(event.ms)
      case 'crash':
        this.#restartMs[event.replica] = event.restartMs
        return this.#slots[event.replica]?.crash(event.at)
      case 'graceful shutdown':
        this.#restartMs[event.replica] = event.restartMs
        return this.#slots[event.replica]?.drain()
      case 'forced shutdown':
        this.#restartMs[event.replica] = event.restartMs
        return this.#slots[event.replica]?.forceStop()
      case 'broker away':
        return this.#storeFaults.during(
          event.forMs,
          () => broker.leave(),
          () => broker.comeBack(),
        )
      case 'broker repeats':
        return broker.repeat()
      case 'broker expires leases':
        return broker.expireAll()
      case 'truncate and replay':
      case 'postgres fails over':
        return this.#loseRows(event)
      default:
        return this.#storeFaults.happen(event)
    }
  }

  #publishPlanned({ message, as }: Extract<PlannedEvent, { readonly do: 'publish' }>): void {
    const published = this.#publishers.publish(as, this.clock.unixMs())
    if (published) this.#publish(message, published)
    else this.story.count('published: too late for a request')
  }

  #loseRows(event: ReplayedEvent): void {
    const { server, wire } = this.#postgres
    const cutsOff = event.do === 'postgres fails over'
    this.#judge.losing(this.clock.now(), cutsOff)
    if (cutsOff) {
      server.failOver((count) => wire.below(count))
      this.#postgres.cutAll()
    } else server.truncate()
    this.#judge.lost()
    this.clock.after(replayAtMs(event) - this.clock.now(), () => {
      this.story.tell('world', () => 'everything is delivered again')
      this.broker.seekToStart()
    })
  }
}

/** When everyone must have noticed that rows are gone, and a little. */
function replayAtMs({ atMs, replayMs, do: what }: ReplayedEvent): number {
  return atMs + (what === 'postgres fails over' ? 0 : noticedWithinMs) + 1 + replayMs
}
