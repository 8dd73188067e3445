import type { Config } from '#config/config.ts'
import { countsOnce } from '#core/pipeline.ts'
import { AppliedUpkeep } from '#postgres/applied/applied-upkeep.ts'
import { GuardSweep } from '#postgres/guard-sweep.ts'
import { systemClock } from '#runtime/clock.ts'
import type { Own } from './running.ts'

/** Maintains the tables beside a pipeline's own; undefined where there are none. */
export function upkeepOf(
  { engine }: Pick<Config, 'engine'>,
  { pipeline, connections: pool, logger }: Pick<Own, 'pipeline' | 'connections' | 'logger'>,
): Disposable | undefined {
  const common = { pool, pipeline: pipeline.name, logger, clock: systemClock }
  if (pipeline.sink.deletes) return new GuardSweep({ ...common, horizonMs: engine.deleteHorizonMs })
  if (!countsOnce(pipeline.sink)) return undefined
  const { identityHorizonMs: horizonMs, idempotencyWindowMs: windowMs } = engine
  return new AppliedUpkeep({ ...common, horizonMs, windowMs })
}
