import type { Readiness } from '#telemetry/readiness.ts'
import type { MeasuredPipeline } from '#telemetry/metrics.ts'
import { createMetrics } from '#telemetry/metrics.ts'

/** Metrics of a process, none of whose pipelines has begun. */
export const emptyMetrics = () => createMetrics({ version: '1.2.3', logLinesDropped: () => 0 })

/** An idle pipeline, as the metrics see it. */
export function measured(changes: Partial<MeasuredPipeline> = {}): MeasuredPipeline {
  return {
    name: 'scans',
    deadLetterReasons: ['bad-ip', 'not-json'],
    ignoreRules: ['test-order', 'empty'],
    outstanding: () => 0,
    oldestOutstandingSeconds: () => 0,
    lockedRecords: () => 0,
    refusedRecords: () => 0,
    ...changes,
  }
}

/** The readiness of a process with one pipeline. */
export function readinessOf(
  notReadyBecause: () => readonly string[] = () => [],
  degradedBecause: () => readonly string[] = () => [],
): Readiness {
  return {
    notReadyBecause: () => [],
    pipelines: () => [
      { name: 'scans', notReadyBecause: notReadyBecause(), degradedBecause: degradedBecause() },
    ],
  }
}
