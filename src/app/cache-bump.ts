import type { Config } from '#config/config.ts'
import { pipelineNamed } from '#connect/pipelines.ts'
import { withConnectionErrors } from '#connect/postgres.ts'
import { bumpEpoch } from '#postgres/epoch.ts'
import { epochValidMs } from '#postgres/epoch-watch.ts'

/** What `cache bump` did. */
export interface CacheBump {
  readonly pipeline: string
  readonly epoch: string
  /** By then every running ingester has heard of it. */
  readonly effectiveWithinSeconds: number
}

/**
 * Makes the cache forget what it knows of a pipeline's table. Redis itself is not asked, nor need it be there: what
 * it holds is not looked at any more, and expires.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function bumpCache({
  pipeline,
  postgres,
}: Pick<Config, 'pipeline' | 'postgres'>): Promise<CacheBump> {
  const { name } = pipelineNamed(pipeline)
  const epoch = await withConnectionErrors(postgres, () => bumpEpoch(postgres, name))
  return { pipeline: name, epoch, effectiveWithinSeconds: epochValidMs / 1000 }
}
