/** What `/readyz` reports. */
export interface Readiness {
  /** Why the process as a whole is not consuming; empty without problems, as all here. */
  readonly notReadyBecause: () => readonly string[]
  readonly pipelines: () => readonly PipelineReadiness[]
}

export interface PipelineReadiness {
  readonly name: string
  /** Why it is not consuming. */
  readonly notReadyBecause: readonly string[]
  /** What is unavailable while it is consuming all the same. */
  readonly degradedBecause: readonly string[]
}

type Status = 'ready' | 'degraded' | 'not ready'

export interface ReadinessReport {
  readonly status: Status
  /** Of all pipelines; with several each begins with the name of its own. */
  readonly reasons: readonly string[]
  readonly pipelines: Readonly<
    Record<string, { readonly status: Status; readonly reasons: readonly string[] }>
  >
}

/**
 * The process is ready while every pipeline consumes.
 *
 * @param any it is ready while one of them does: for an orchestrator that would take the others away with the one that
 *   is stuck
 */
export function readinessReport(readiness: Readiness, any: boolean): ReadinessReport {
  const pipelines = readiness.pipelines()
  const own = readiness.notReadyBecause()
  const stuck = pipelines.filter(({ notReadyBecause }) => notReadyBecause.length > 0).length
  const isReady = own.length === 0 && (any ? stuck < pipelines.length : stuck === 0)
  const reasonsOf = ({ notReadyBecause, degradedBecause }: PipelineReadiness) => [
    ...notReadyBecause,
    ...degradedBecause,
  ]
  const prefix = ({ name }: PipelineReadiness) => (pipelines.length > 1 ? `${name}: ` : '')
  // What keeps it from being ready first.
  const reasons = [
    ...own,
    ...pipelines.flatMap((one) => one.notReadyBecause.map((reason) => `${prefix(one)}${reason}`)),
    ...pipelines.flatMap((one) => one.degradedBecause.map((reason) => `${prefix(one)}${reason}`)),
  ]
  return {
    status: statusOf(!isReady, reasons),
    reasons,
    pipelines: Object.fromEntries(
      pipelines.map((one) => [
        one.name,
        { status: statusOf(one.notReadyBecause.length > 0, reasonsOf(one)), reasons: reasonsOf(one) },
      ]),
    ),
  }
}

function statusOf(isStuck: boolean, reasons: readonly string[]): Status {
  return isStuck ? 'not ready' : reasons.length > 0 ? 'degraded' : 'ready'
}
