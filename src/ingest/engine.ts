import type { Explain } from '#core/advice.ts'
import type { Cache } from '#core/cache.ts'
import type { DeadLetterStore } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { DecodeLimits, Rules } from '#core/pipeline.ts'
import type { Source } from '#core/source.ts'
import type { Sink } from '#core/sink.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Batch, BatchPorts } from './batch.ts'
import { writeBatch } from './batch.ts'
import { DeadLetterQueue } from './dead-letter-queue.ts'
import type { Entry } from './entry.ts'
import { arrivalsOf } from './entry.ts'
import { Growth } from './growth.ts'
import { Intake } from './intake.ts'
import { Lane } from './lane.ts'
import { Ledger } from './ledger.ts'
import type { LockedCount } from './lock-log.ts'
import { LockLog, lockedCount, lockedReason } from './lock-log.ts'
import { RefusalLog, refusalReasons } from './refusal-log.ts'
import { StoreGate } from './store-gate.ts'

export interface EngineOptions {
  /** Number of lanes. */
  readonly workers: number
  readonly maxBatchRecords: number
  readonly maxBatchBytes: number
  readonly flushIntervalMs: number
  readonly limits: DecodeLimits
  /** What messages may take beyond what their source counts for them; see {@link Growth}. Absent: any number. */
  readonly maxGrownBytes?: number
}

export interface EnginePorts {
  readonly rules: Rules
  readonly source: Source
  readonly sink: Sink
  /** What messages call the place that the sink writes to: a table's name. */
  readonly sinkName: string
  readonly cache: Cache
  readonly deadLetters: DeadLetterStore
  readonly observer: Observer
  readonly logger: Logger
  readonly clock: Clock
  readonly explain?: Explain
}

/**
 * Takes deliveries from a source to their settlement: decode, fan out to lanes by key, write, settle; what cannot
 * be decoded is dead-lettered. Knows pipelines, stores and brokers only by their ports.
 */
export class Engine {
  readonly #ports: EnginePorts
  readonly #ledger: Ledger
  readonly #lanes: readonly Lane[]
  readonly #intake: Intake
  readonly #deadLetters: DeadLetterQueue
  readonly #gates: readonly StoreGate[]
  readonly #refusalLog: RefusalLog
  readonly #lockLog: LockLog
  readonly #abort = new AbortController()

  constructor(options: EngineOptions, ports: EnginePorts) {
    this.#ports = ports
    const growth = new Growth(options.maxGrownBytes)
    this.#ledger = new Ledger(ports.source, ports.observer, growth)
    const tableGate = this.#newGate(ports.sinkName)
    const deadLettersGate = this.#newGate('dead letters')
    this.#gates = [tableGate, deadLettersGate]
    this.#refusalLog = new RefusalLog(ports.sinkName, ports.logger, ports.clock)
    this.#lockLog = new LockLog(ports.sinkName, ports.logger, ports.clock)
    this.#deadLetters = new DeadLetterQueue({
      ...ports,
      store: ports.deadLetters,
      gate: deadLettersGate,
      ledger: this.#ledger,
    })
    const batchPorts = this.#batchPorts(tableGate)
    this.#lanes = Array.from({ length: options.workers }, () => this.#newLane(options, batchPorts))
    this.#intake = new Intake({
      rules: ports.rules,
      limits: options.limits,
      ledger: this.#ledger,
      growth,
      observer: ports.observer,
      clock: ports.clock,
      laneOf: (hash) => this.#laneOf(hash),
      deadLetter: batchPorts.deadLetter,
    })
  }

  /** Deliveries received and not yet settled. */
  get outstanding(): number {
    return this.#ledger.size
  }

  /** Age of the longest outstanding delivery, in seconds. */
  get oldestOutstandingSeconds(): number {
    const oldest = this.#ledger.oldest
    return oldest ? (this.#ports.clock.now() - oldest.receivedAtMs) / 1000 : 0
  }

  /** Why writes are paused, one line a store; empty without problems. */
  get pausedBecause(): readonly string[] {
    return this.#gates.flatMap((gate) => gate.reason ?? [])
  }

  /** Why single rows wait while the others are written, one line a cause; empty without problems. */
  get waitingBecause(): readonly string[] {
    const { sinkName: name } = this.#ports
    const refusals = this.#refused().flatMap(({ refusal }) => refusal ?? [])
    const locked = this.#lockedForLong()
    return [
      ...refusalReasons(name, refusals),
      ...(locked ? [lockedReason(name, locked, this.#ports.clock.now())] : []),
      ...this.#deadLetters.waitingBecause,
    ]
  }

  /** Records whose rows other transactions hold. */
  get lockedRecords(): number {
    return this.#locked().length
  }

  /** Records that were refused and wait for a proof that it is their own fault. */
  get refusedRecords(): number {
    return this.#refused().length
  }

  /** Age of the longest outstanding delivery of which nothing else says why it waits, in seconds. */
  get oldestUnexplainedSeconds(): number {
    const waiting = [...this.#refused(), ...this.#locked()]
    const explained = new Set([...waiting.flatMap(deliveriesOf), ...this.#deadLetters.locked])
    const oldest = this.#ledger.oldestBut(explained)
    return oldest ? (this.#ports.clock.now() - oldest.receivedAtMs) / 1000 : 0
  }

  start(): void {
    this.#ports.source.start((deliveries) => this.#receive(deliveries))
  }

  /** Graceful: takes no more, and resolves when everything in flight is settled and its acks are sent. */
  async stop(): Promise<void> {
    await this.#ports.source.stop()
    for (const lane of this.#lanes) lane.drain()
    await this.#ledger.idle()
    await this.#ports.source.close()
  }

  /** Forced: nacks what remains; a `stop` under way resolves soon after. Returns how many were nacked. */
  abort(): number {
    this.#abort.abort()
    return this.#ledger.nackAll()
  }

  #receive(deliveries: readonly Delivery[]): void {
    this.#ledger.receive(deliveries)
    if (this.#abort.signal.aborted) return void this.#ledger.nackAll()
    this.#intake.receive(deliveries)
  }

  /** @param hash of a key */
  #laneOf(hash: number): Lane {
    // There is at least one lane, so the index is always in range.
    return this.#lanes[(hash >>> 0) % this.#lanes.length] as Lane
  }

  #batchPorts(gate: StoreGate): BatchPorts {
    const { rules, cache, sink, observer, clock } = this.#ports
    return {
      merge: rules.merge,
      cache,
      sink,
      observer,
      clock,
      gate,
      ledger: this.#ledger,
      aborted: this.#abort.signal,
      deadLetter: (deadLetter) => this.#deadLetters.add(deadLetter),
      waiting: () => this.#refused(),
      reportRefused: (refusal) => this.#refusalLog.report(refusal),
    }
  }

  #newLane(options: EngineOptions, ports: BatchPorts): Lane {
    const write = async (batch: Batch) => {
      const result = await writeBatch(batch, ports)
      if (batch.wereLocked) this.#lockLog.report(this.#lockedForLong())
      return result
    }
    return new Lane({ ...options, clock: ports.clock, merge: ports.merge, write })
  }

  /** Entries that wait for a proof. */
  #refused(): readonly Entry[] {
    const all = this.#lanes.flatMap((lane) => lane.refused)
    return all.filter(({ winner }) => this.#ledger.isOpen(winner))
  }

  #locked(): readonly Entry[] {
    const all = this.#lanes.flatMap((lane) => lane.locked)
    return all.filter(({ winner }) => this.#ledger.isOpen(winner))
  }

  #lockedForLong(): LockedCount | undefined {
    const now = this.#ports.clock.now()
    return lockedCount(
      this.#locked().map(({ lockedSinceMs = now }) => lockedSinceMs),
      now,
    )
  }

  #newGate(name: string): StoreGate {
    const { clock, logger, explain } = this.#ports
    const backoff = reconnectBackoff()
    const changed = () => this.#gatesChanged()
    return new StoreGate({ name, clock, logger, explain, backoff, changed, aborted: this.#abort.signal })
  }

  /** While a store is away nothing new is taken: what is in flight ages, and its leases cost. */
  #gatesChanged(): void {
    if (this.#gates.some((gate) => gate.isClosed)) this.#ports.source.hold()
    else this.#ports.source.resume()
    this.#ports.observer.held?.(this.pausedBecause[0])
  }
}

function deliveriesOf(entry: Entry): Delivery[] {
  return arrivalsOf(entry).map(({ delivery }) => delivery)
}
