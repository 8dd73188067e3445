import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { bypassCauses, verdicts } from '#core/cache.ts'
import type { Settlement } from '#core/delivery.ts'
import { settlements } from '#core/delivery.ts'
import type { GatewayObserver } from '#core/gateway-observer.ts'
import type { Observer } from '#core/observer.ts'
import { ackIdCalls } from '#core/observer.ts'
import { failureClasses } from '#core/write-failure.ts'
import type { MeasuredGateway } from './gateway-metrics.ts'
import { gatewayMetrics } from './gateway-metrics.ts'

export interface MetricsOptions {
  readonly version: string
  /** Read when the metrics are. */
  readonly logLinesDropped: () => number
}

/** One of the pipelines, as far as metrics ask it. */
export interface MeasuredPipeline {
  readonly name: string
  /** All reasons that a dead letter may have. */
  readonly deadLetterReasons: readonly string[]
  /** All rules by which a record may be ignored. */
  readonly ignoreRules: Iterable<string>
  /** Read when the metrics are. */
  readonly outstanding: () => number
  readonly oldestOutstandingSeconds: () => number
  readonly lockedRecords: () => number
  readonly refusedRecords: () => number
}

export interface Metrics {
  /** Counts what the pipeline tells, under its name. Called once a pipeline. */
  observe(pipeline: MeasuredPipeline): Observer
  /** Counts what the process's gateway tells. Called once at most. */
  observeGateway(gateway: MeasuredGateway): GatewayObserver
  /** Idle PostgreSQL connections that no longer answered: of the pool that all share. */
  connectionSilent(): void
  /** Prometheus text, and its content type. */
  readonly contentType: string
  text(): Promise<string>
}

const flushBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const ageBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200]
const batchBuckets = [1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

/**
 * The service's metrics: counted a batch at a time, since a counter costs 130 ns. What is a pipeline's has the label
 * `pipeline`; what is the process's has not.
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const pipelines: MeasuredPipeline[] = []
  const registers = [registry]
  const ofEach = (gauge: Gauge<'pipeline'>, valueOf: (pipeline: MeasuredPipeline) => number) => {
    for (const one of pipelines) gauge.set({ pipeline: one.name }, valueOf(one))
  }

  const received = new Counter({
    name: 'ingester_messages_received_total',
    help: 'Deliveries received; always settled + outstanding',
    labelNames: ['pipeline'],
    registers,
  })
  const settled = new Counter({
    name: 'ingester_messages_settled_total',
    help: 'Deliveries settled, by the fact that settled them',
    labelNames: ['reason', 'pipeline'],
    registers,
  })
  const ignored = new Counter({
    name: 'ingester_records_ignored_total',
    help: 'Records that are not stored because a rule says so, by rule',
    labelNames: ['rule', 'pipeline'],
    registers,
  })
  const outstanding: Gauge<'pipeline'> = new Gauge({
    name: 'ingester_messages_outstanding',
    help: 'Deliveries received and not yet settled',
    labelNames: ['pipeline'],
    registers,
    collect: () => ofEach(outstanding, (one) => one.outstanding()),
  })
  const oldest: Gauge<'pipeline'> = new Gauge({
    name: 'ingester_oldest_outstanding_seconds',
    help: 'Age of the oldest unsettled delivery',
    labelNames: ['pipeline'],
    registers,
    collect: () => ofEach(oldest, (one) => one.oldestOutstandingSeconds()),
  })
  const locked: Gauge<'pipeline'> = new Gauge({
    name: 'ingester_locked_records',
    help: 'Records that wait for rows locked by other transactions',
    labelNames: ['pipeline'],
    registers,
    collect: () => ofEach(locked, (one) => one.lockedRecords()),
  })
  const refused: Gauge<'pipeline'> = new Gauge({
    name: 'ingester_refused_records',
    help: 'Records that the database rejected and that are not yet proven to be the cause',
    labelNames: ['pipeline'],
    registers,
    collect: () => ofEach(refused, (one) => one.refusedRecords()),
  })
  const batchRecords = new Histogram({
    name: 'ingester_batch_records',
    help: 'Records in a written batch, after coalescing',
    labelNames: ['pipeline'],
    buckets: batchBuckets,
    registers,
  })
  const cacheVerdicts = new Counter({
    name: 'ingester_cache_verdicts_total',
    help: 'Cache lookups, in records, by verdict',
    labelNames: ['verdict', 'pipeline'],
    registers,
  })
  const cacheBypassed = new Counter({
    name: 'ingester_cache_bypassed_total',
    help: 'Cache operations bypassed, in records, by cause',
    labelNames: ['cause', 'pipeline'],
    registers,
  })
  const flushSeconds = new Histogram({
    name: 'ingester_flush_seconds',
    help: 'Time of each step of a flush',
    labelNames: ['step', 'pipeline'],
    buckets: flushBuckets,
    registers,
  })
  const publishToCommit = new Histogram({
    name: 'ingester_publish_to_commit_seconds',
    help: 'From publishing to commit, of the oldest message of each batch',
    labelNames: ['pipeline'],
    buckets: ageBuckets,
    registers,
  })
  const deadLetters = new Counter({
    name: 'ingester_dead_letters_total',
    help: 'Dead letters stored, by reason',
    labelNames: ['reason', 'pipeline'],
    registers,
  })
  const writeFailures = new Counter({
    name: 'ingester_write_failures_total',
    help: 'Failed writes, by class',
    labelNames: ['class', 'pipeline'],
    registers,
  })
  const held = new Gauge({
    name: 'ingester_held',
    help: '1 while writes are paused because a store is unavailable or rejects everything',
    labelNames: ['pipeline'],
    registers,
  })
  const leasesLost = new Counter({
    name: 'ingester_leases_lost_total',
    help: 'Ack deadlines that could not be extended in time',
    labelNames: ['pipeline'],
    registers,
  })
  const ackIdsRejected = new Counter({
    name: 'ingester_ack_ids_rejected_total',
    help: 'Ack ids that Pub/Sub no longer accepted, by call; their messages are redelivered',
    labelNames: ['call', 'pipeline'],
    registers,
  })
  const streamsOpen = new Gauge({
    name: 'ingester_streams_open',
    help: 'Open StreamingPull calls',
    labelNames: ['pipeline'],
    registers,
  })
  const silentConnections = new Counter({
    name: 'ingester_postgres_connections_silent_total',
    help: 'Idle PostgreSQL connections that no longer answered and were replaced',
    registers,
  })
  const streamsSilent = new Counter({
    name: 'ingester_streams_silent_total',
    help: 'StreamingPull calls replaced because nothing arrived on them, not even a heartbeat',
    labelNames: ['pipeline'],
    registers,
  })
  const logLinesDropped: Counter = new Counter({
    name: 'ingester_log_lines_dropped_total',
    help: 'Log lines dropped because their reader was too slow or is gone',
    registers,
    collect: () => {
      logLinesDropped.reset()
      logLinesDropped.inc(options.logLinesDropped())
    },
  })
  const buildInfo = new Gauge({
    name: 'ingester_build_info',
    help: 'Always 1; the version is in the label',
    labelNames: ['version'],
    registers,
  })
  buildInfo.set({ version: options.version }, 1)

  const observe = (measured: MeasuredPipeline): Observer => {
    pipelines.push(measured)
    const pipeline = measured.name
    // A series that begins with its first event hides it from `increase()`.
    for (const reason of settlements) settled.inc({ reason: labelOf(reason), pipeline }, 0)
    for (const rule of measured.ignoreRules) ignored.inc({ rule, pipeline }, 0)
    for (const reason of measured.deadLetterReasons) deadLetters.inc({ reason, pipeline }, 0)
    for (const verdict of verdicts) cacheVerdicts.inc({ verdict, pipeline }, 0)
    for (const cause of bypassCauses) cacheBypassed.inc({ cause, pipeline }, 0)
    for (const call of ackIdCalls) ackIdsRejected.inc({ call, pipeline }, 0)
    for (const failureClass of failureClasses) writeFailures.inc({ class: failureClass, pipeline }, 0)
    for (const one of [received, leasesLost, streamsSilent]) one.inc({ pipeline }, 0)
    for (const one of [held, streamsOpen]) one.set({ pipeline }, 0)
    for (const one of [batchRecords, publishToCommit]) one.zero({ pipeline })
    return {
      received: (deliveries) => received.inc({ pipeline }, deliveries.length),
      settled: (settlement, count) => settled.inc({ reason: labelOf(settlement), pipeline }, count),
      ignored: (rule, count) => ignored.inc({ rule, pipeline }, count),
      cacheVerdicts: (verdict, count) => cacheVerdicts.inc({ verdict, pipeline }, count),
      cacheBypassed: (cause, count) => cacheBypassed.inc({ cause, pipeline }, count),
      batchSealed: (records) => batchRecords.observe({ pipeline }, records),
      stepTimed: (step, seconds) => flushSeconds.observe({ step, pipeline }, seconds),
      committed: (seconds) => publishToCommit.observe({ pipeline }, seconds),
      deadLettered: (reason, count) => deadLetters.inc({ reason, pipeline }, count),
      writeFailed: (failureClass) => writeFailures.inc({ class: failureClass, pipeline }),
      held: (reason) => held.set({ pipeline }, reason === undefined ? 0 : 1),
      leasesLost: (count) => leasesLost.inc({ pipeline }, count),
      ackIdsRejected: (call, count) => ackIdsRejected.inc({ call, pipeline }, count),
      streamsOpen: (count) => streamsOpen.set({ pipeline }, count),
      streamSilent: () => streamsSilent.inc({ pipeline }),
    }
  }
  return {
    observe,
    observeGateway: (gateway) => gatewayMetrics(registry, gateway),
    connectionSilent: () => silentConnections.inc(),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}

const labelOf = (settlement: Settlement) => settlement.replace('-', '_')
