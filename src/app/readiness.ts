import type { Engine } from '#ingest/engine.ts'
import type { TableWatch } from '#postgres/table-watch.ts'
import type { PubsubSource } from '#pubsub/source.ts'

/** A delivery that is unsettled for as long is stuck: a frozen database, a refused row. */
const stalledMs = 10_000
/** Beyond two flush intervals, where these are long: a statement may take its time. */
const writeMs = 5000

/** Why a pipeline does not consume; empty while it does. */
export function engineReasons(
  engine: Engine,
  source: PubsubSource,
  tableWatch: TableWatch,
  flushIntervalMs: number,
): readonly string[] {
  const stalledAfterSeconds = Math.max(stalledMs, 2 * flushIntervalMs + writeMs) / 1000
  const waited = engine.oldestUnexplainedSeconds
  const streamless = source.wantsMore && source.streamsOpen === 0
  return [
    // A paused engine has looked at the table more recently.
    ...(engine.pausedBecause.length > 0 ? engine.pausedBecause : tableWatch.unfit),
    ...(waited > stalledAfterSeconds
      ? [`the oldest delivery has been unsettled for ${waited.toFixed()} s`]
      : []),
    ...(streamless ? ['Pub/Sub: no stream is open'] : []),
    ...(source.isSilent ? ['Pub/Sub: nothing arrives on any stream, not even a heartbeat'] : []),
  ]
}
