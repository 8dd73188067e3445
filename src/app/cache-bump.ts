import type { Config } from '#config/config.ts'
import { advice } from '#core/advice.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { countsOnce, isUnbound } from '#core/pipeline.ts'
import { chosenPipeline } from '#connect/pipelines.ts'
import { withConnectionErrors } from '#connect/postgres.ts'
import { bumpEpoch } from '#postgres/epoch.ts'
import { epochValidMs } from '#postgres/epoch-watch.ts'

/** What `cache bump` did. */
export interface CacheBump {
  readonly pipeline: string
  readonly epoch: string
  /** By then every running ingester has read it. */
  readonly effectiveWithinSeconds: number
}

/**
 * Invalidates the watermarks of a pipeline's table. Redis is not contacted and need not be running: its entries are no
 * longer read, and expire.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function bumpCache(
  { pipelines, postgres }: Pick<Config, 'pipelines' | 'postgres'>,
  wanted?: string,
): Promise<CacheBump> {
  const pipeline = await chosenPipeline(pipelines, wanted)
  const { name } = pipeline
  if (countsOnce(isUnbound(pipeline) ? pipeline.table : pipeline.sink))
    throw new ConfigurationError(
      `the pipeline ${name} has no cache: each of its records counts, and none is stale`,
      { fixes: [advice`there is nothing to invalidate`] },
    )
  const epoch = await withConnectionErrors(postgres, () => bumpEpoch(postgres, name))
  return { pipeline: name, epoch, effectiveWithinSeconds: epochValidMs / 1000 }
}
