import type { Engine } from '#ingest/engine.ts'
import type { TableWatch } from '#postgres/table-watch.ts'
import type { PubsubSource } from '#pubsub/source.ts'
import type { Readiness } from '#telemetry/admin-server.ts'
import type { OpenCache } from './cache.ts'
import type { Termination } from './termination.ts'

/** The parts of an ingester that can keep it from being ready. */
interface Parts {
  readonly termination: Termination
  readonly engine: Engine
  readonly tableWatch: TableWatch
  readonly source: PubsubSource
  readonly cache: OpenCache
}

/** A delivery that is unsettled for longer than two flush intervals and this is stuck: a frozen database, a refused row. */
const stalledMs = 10_000

/** What `/readyz` reports of an ingester. */
export function readinessOf(
  { termination, engine, tableWatch, source, cache }: Parts,
  flushIntervalMs: number,
): Readiness {
  const stalledAfterSeconds = (stalledMs + 2 * flushIntervalMs) / 1000
  return {
    notReadyBecause: () => {
      const waited = engine.oldestUnexplainedSeconds
      const streamless = source.wantsMore && source.streamsOpen === 0
      return [
        ...termination.reasons,
        // A paused engine has looked at the table more recently.
        ...(engine.pausedBecause.length > 0 ? engine.pausedBecause : tableWatch.unfit),
        ...(waited > stalledAfterSeconds
          ? [`the oldest delivery has been unsettled for ${waited.toFixed()} s`]
          : []),
        ...(streamless ? ['Pub/Sub: no stream is open'] : []),
        ...(source.isSilent ? ['Pub/Sub: nothing arrives on any stream, not even a heartbeat'] : []),
      ]
    },
    degradedBecause: () => [...engine.waitingBecause, ...cache.problems()],
  }
}
