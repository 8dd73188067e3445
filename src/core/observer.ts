import type { BypassCause, Verdict } from './cache.ts'
import type { Delivery, Settlement } from './delivery.ts'
import type { FailureClass } from './write-failure.ts'

/** The steps of a flush, in order. */
export const steps = ['begin', 'write', 'confirm', 'settle'] as const
export type Step = (typeof steps)[number]

/** Calls that carry ack ids. */
export const ackIdCalls = ['ack', 'nack', 'extend'] as const
export type AckIdCall = (typeof ackIdCalls)[number]

/** Receives events where they happen, a batch at a time. Metrics, demo tallies and tests listen here. */
export interface Observer {
  received?(deliveries: readonly Delivery[]): void
  settled?(settlement: Settlement, count: number): void
  /** `count` records are not stored because of this rule: one that the pipeline declares, or one of the engine's own. */
  ignored?(rule: string, count: number): void
  /** The cache gave this verdict on `count` records. */
  cacheVerdicts?(verdict: Verdict, count: number): void
  /** The cache was bypassed for `count` records, at begin or confirm. */
  cacheBypassed?(cause: BypassCause, count: number): void
  /** A batch is about to be written. */
  batchSealed?(records: number): void
  stepTimed?(step: Step, seconds: number): void
  /** Age at commit of the batch's oldest message, from its publish time. */
  committed?(publishToCommitSeconds: number): void
  deadLettered?(reason: string, count: number): void
  writeFailed?(failureClass: FailureClass): void
  /** Writes are paused because of `reason`, or resumed. */
  held?(reason: string | undefined): void
  leasesLost?(count: number): void
  /** Pub/Sub no longer accepted `count` ack ids. */
  ackIdsRejected?(call: AckIdCall, count: number): void
  streamsOpen?(count: number): void
  /** A stream on which nothing came, not even a heartbeat, is replaced. */
  streamSilent?(): void
}

/** Notifies every observer in turn. */
export function observers(...all: readonly Observer[]): Observer {
  return {
    received: (deliveries) => all.forEach((one) => one.received?.(deliveries)),
    settled: (settlement, count) => all.forEach((one) => one.settled?.(settlement, count)),
    ignored: (rule, count) => all.forEach((one) => one.ignored?.(rule, count)),
    cacheVerdicts: (verdict, count) => all.forEach((one) => one.cacheVerdicts?.(verdict, count)),
    cacheBypassed: (cause, count) => all.forEach((one) => one.cacheBypassed?.(cause, count)),
    batchSealed: (records) => all.forEach((one) => one.batchSealed?.(records)),
    stepTimed: (step, seconds) => all.forEach((one) => one.stepTimed?.(step, seconds)),
    committed: (seconds) => all.forEach((one) => one.committed?.(seconds)),
    deadLettered: (reason, count) => all.forEach((one) => one.deadLettered?.(reason, count)),
    writeFailed: (failureClass) => all.forEach((one) => one.writeFailed?.(failureClass)),
    held: (reason) => all.forEach((one) => one.held?.(reason)),
    leasesLost: (count) => all.forEach((one) => one.leasesLost?.(count)),
    ackIdsRejected: (call, count) => all.forEach((one) => one.ackIdsRejected?.(call, count)),
    streamSilent: () => all.forEach((one) => one.streamSilent?.()),
    streamsOpen: (count) => all.forEach((one) => one.streamsOpen?.(count)),
  }
}
