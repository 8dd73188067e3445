import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { bypassCauses, verdicts } from '#core/cache.ts'
import type { Settlement } from '#core/delivery.ts'
import { settlements } from '#core/delivery.ts'
import type { Observer } from '#core/observer.ts'
import { ackIdCalls } from '#core/observer.ts'
import { failureClasses } from '#core/write-failure.ts'

export interface MetricsOptions {
  readonly pipeline: string
  readonly version: string
  /** All reasons that a dead letter may have. */
  readonly deadLetterReasons: readonly string[]
  /** Read when the metrics are. */
  readonly outstanding: () => number
  readonly oldestOutstandingSeconds: () => number
  readonly logLinesDropped: () => number
  readonly lockedRecords: () => number
  readonly refusedRecords: () => number
}

export interface Metrics {
  readonly observer: Observer
  /** Prometheus text, and its content type. */
  readonly contentType: string
  text(): Promise<string>
}

const flushBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const ageBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200]
const batchBuckets = [1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

/** The service's metrics: counted a batch at a time, since a counter costs 130 ns. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ pipeline: options.pipeline })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]

  const received = new Counter({
    name: 'ingester_messages_received_total',
    help: 'Deliveries received; always settled + outstanding',
    registers,
  })
  const settled = new Counter({
    name: 'ingester_messages_settled_total',
    help: 'Deliveries settled, by the fact that settled them',
    labelNames: ['reason'],
    registers,
  })
  const outstanding: Gauge = new Gauge({
    name: 'ingester_messages_outstanding',
    help: 'Deliveries received and not yet settled',
    registers,
    collect: () => outstanding.set(options.outstanding()),
  })
  const oldest: Gauge = new Gauge({
    name: 'ingester_oldest_outstanding_seconds',
    help: 'Age of the oldest unsettled delivery',
    registers,
    collect: () => oldest.set(options.oldestOutstandingSeconds()),
  })
  const locked: Gauge = new Gauge({
    name: 'ingester_locked_records',
    help: 'Records that wait for rows locked by other transactions',
    registers,
    collect: () => locked.set(options.lockedRecords()),
  })
  const refused: Gauge = new Gauge({
    name: 'ingester_refused_records',
    help: 'Records that the database rejected and that are not yet proven to be the cause',
    registers,
    collect: () => refused.set(options.refusedRecords()),
  })
  const batchRecords = new Histogram({
    name: 'ingester_batch_records',
    help: 'Records in a written batch, after coalescing',
    buckets: batchBuckets,
    registers,
  })
  const cacheVerdicts = new Counter({
    name: 'ingester_cache_verdicts_total',
    help: 'Cache lookups, in records, by verdict',
    labelNames: ['verdict'],
    registers,
  })
  const cacheBypassed = new Counter({
    name: 'ingester_cache_bypassed_total',
    help: 'Cache operations bypassed, in records, by cause',
    labelNames: ['cause'],
    registers,
  })
  const flushSeconds = new Histogram({
    name: 'ingester_flush_seconds',
    help: 'Time of each step of a flush',
    labelNames: ['step'],
    buckets: flushBuckets,
    registers,
  })
  const publishToCommit = new Histogram({
    name: 'ingester_publish_to_commit_seconds',
    help: 'From publishing to commit, of the oldest message of each batch',
    buckets: ageBuckets,
    registers,
  })
  const deadLetters = new Counter({
    name: 'ingester_dead_letters_total',
    help: 'Dead letters stored, by reason',
    labelNames: ['reason'],
    registers,
  })
  const writeFailures = new Counter({
    name: 'ingester_write_failures_total',
    help: 'Failed writes, by class',
    labelNames: ['class'],
    registers,
  })
  const held = new Gauge({
    name: 'ingester_held',
    help: '1 while writes are paused because a store is unavailable or rejects everything',
    registers,
  })
  const leasesLost = new Counter({
    name: 'ingester_leases_lost_total',
    help: 'Ack deadlines that could not be extended in time',
    registers,
  })
  const ackIdsRejected = new Counter({
    name: 'ingester_ack_ids_rejected_total',
    help: 'Ack ids that Pub/Sub no longer accepted, by call; their messages are redelivered',
    labelNames: ['call'],
    registers,
  })
  const streamsOpen = new Gauge({
    name: 'ingester_streams_open',
    help: 'Open StreamingPull calls',
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

  // A series that begins with its first event hides it from `increase()`.
  for (const reason of settlements) settled.inc({ reason: labelOf(reason) }, 0)
  for (const reason of options.deadLetterReasons) deadLetters.inc({ reason }, 0)
  for (const verdict of verdicts) cacheVerdicts.inc({ verdict }, 0)
  for (const cause of bypassCauses) cacheBypassed.inc({ cause }, 0)
  for (const call of ackIdCalls) ackIdsRejected.inc({ call }, 0)
  for (const failureClass of failureClasses) writeFailures.inc({ class: failureClass }, 0)

  const observer: Observer = {
    received: (deliveries) => received.inc(deliveries.length),
    settled: (settlement, count) => settled.inc({ reason: labelOf(settlement) }, count),
    cacheVerdicts: (verdict, count) => cacheVerdicts.inc({ verdict }, count),
    cacheBypassed: (cause, count) => cacheBypassed.inc({ cause }, count),
    batchSealed: (records) => batchRecords.observe(records),
    stepTimed: (step, seconds) => flushSeconds.observe({ step }, seconds),
    committed: (seconds) => publishToCommit.observe(seconds),
    deadLettered: (reason, count) => deadLetters.inc({ reason }, count),
    writeFailed: (failureClass) => writeFailures.inc({ class: failureClass }),
    held: (reason) => held.set(reason === undefined ? 0 : 1),
    leasesLost: (count) => leasesLost.inc(count),
    ackIdsRejected: (call, count) => ackIdsRejected.inc({ call }, count),
    streamsOpen: (count) => streamsOpen.set(count),
    streamSilent: () => streamsSilent.inc(),
    connectionSilent: () => silentConnections.inc(),
  }
  return { observer, contentType: registry.contentType, text: () => registry.metrics() }
}

const labelOf = (settlement: Settlement) => settlement.replace('-', '_')
