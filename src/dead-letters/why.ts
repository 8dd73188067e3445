import type { Config } from '#config/config.ts'
import { bindOver } from '#connect/bind.ts'
import { chosenPipeline, keyNamed } from '#connect/pipelines.ts'
import { withConnectionErrors } from '#connect/postgres.ts'
import { addressOf } from '#core/address.ts'
import { explain } from '#connect/explain.ts'
import type { RecordKey, Pipeline } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import { readDeadLetters } from '#postgres/dead-letters.ts'
import { readEpoch } from '#postgres/epoch.ts'
import { readDeletion } from '#postgres/read-guard.ts'
import type { Read } from '#postgres/read-row.ts'
import { readRow, withReader } from '#postgres/read-row.ts'
import { isConnectionFailure } from '#postgres/sqlstate.ts'
import { checkReadableTables } from '#postgres/start-check.ts'
import { inspectKey } from '#redis/cache-inspection.ts'
import type { CountedAnswer } from './counted-status.ts'
import type { Answer, CacheLook } from './record-status.ts'
import { answer } from './record-status.ts'
import { deadLettersOf } from './search-by-key.ts'
import { whyCounted } from './why-counted.ts'

type WhyConfig = Pick<Config, 'pipelines' | 'postgres' | 'redis' | 'limits'>

/**
 * Looks where the record of that key is: in the table, in the cache, with a batch, among the dead letters.
 *
 * @param words the key as on a command line
 * @param wanted the pipeline, where it is not the one that is configured
 * @throws ConfigurationError, also for wrong words; UnreachableError where PostgreSQL is away. Without Redis it
 *         answers the rest
 */
export async function why(
  config: WhyConfig,
  words: readonly string[],
  wanted?: string,
): Promise<Answer | CountedAnswer> {
  const pipeline = await bindOver(config.postgres, await chosenPipeline(config.pipelines, wanted))
  if (countsOnce(pipeline.sink))
    return withConnectionErrors(config.postgres, () =>
      withReader(config.postgres, async (read) => {
        await read((connection) => checkReadableTables(connection, pipeline.sink, false))
        return whyCounted(config, pipeline, words, read, wanted)
      }),
    )
  const key = keyNamed(pipeline, words, wanted)
  return withConnectionErrors(config.postgres, () =>
    withReader(config.postgres, async (read) => {
      await read((connection) => checkReadableTables(connection, pipeline.sink, config.redis.enabled))
      // The cache before the row: a watermark's version was committed before, so the row must have it.
      const nowMs = Date.now()
      const cache = await lookInCache(read, config.redis, pipeline, key)
      const { row, deletion } = await read(async (connection) => ({
        row: await readRow(connection, pipeline.sink, key.values),
        deletion: pipeline.sink.deletes && (await readDeletion(connection, pipeline.name, key.values)),
      }))
      const deadLetters = await read((connection) =>
        deadLettersOf(key, pipeline, config.limits, readDeadLetters(connection, pipeline.name)),
      )
      return answer({ pipeline, key, nowMs, cache, row, deletion, deadLetters })
    }),
  )
}

async function lookInCache(
  read: Read,
  redis: Config['redis'],
  pipeline: Pipeline,
  key: RecordKey,
): Promise<CacheLook> {
  if (!redis.enabled) return { off: true }
  let epoch: string | null
  try {
    epoch = await read((connection) => readEpoch(connection, pipeline.sink, pipeline.name))
  } catch (error) {
    if (isConnectionFailure(error)) throw error
    return { why: `the epoch of ${pipeline.sink.name} cannot be read: ${explain(error)}` }
  }
  if (epoch === null) return { why: `${pipeline.sink.name} is not a regular, logged table` }
  try {
    return await inspectKey(redis, pipeline, epoch, key)
  } catch (error) {
    return { why: `Redis at ${addressOf(redis.host, redis.port)}: ${explain(error)}` }
  }
}
