import type { Config } from '#config/config.ts'
import { keyNamed } from '#connect/pipelines.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { advice } from '#core/advice.ts'
import { identityAttributes } from '#core/identity.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { readAppliedRecords, readAppliedSince, readAppliedToKey } from '#postgres/applied/read-applied.ts'
import { readDeadLetters } from '#postgres/dead-letters.ts'
import type { DeadLetterDetail } from '#postgres/dead-letters.ts'
import type { Read } from '#postgres/read-row.ts'
import { readRow } from '#postgres/read-row.ts'
import type { CountedAnswer, NamedIdentity } from './counted-status.ts'
import { identityNamed, messageAnswer, sumAnswer } from './counted-status.ts'
import { deadLettersOf, deadLettersThat } from './search-by-key.ts'

/** For one look through what has counted: without an index for it all is read. */
const limitMs = 5000

/**
 * Of a pipeline whose records count once: a key of sums, or a message or a request and what has counted of it. There is no
 * cache.
 *
 * @param chosen the pipeline as the command line names it, if it does
 * @throws ConfigurationError for wrong words; whatever the connection throws
 */
export async function whyCounted(
  { limits, postgres }: Pick<Config, 'limits' | 'postgres'>,
  pipeline: Pipeline,
  words: readonly string[],
  read: Read,
  chosen?: string,
): Promise<CountedAnswer> {
  const timeoutMs = Math.min(limitMs, postgres.statementTimeoutMs)
  const { name, sink } = pipeline
  const nowMs = Date.now()
  const since = await read(readAppliedSince)
  const identity = identityNamed(pipeline, words)
  if (identity) {
    const records = await unlessTooLong(() =>
      read((connection) => readAppliedRecords(connection, name, identity, timeoutMs)),
    )
    const deadLetters = await read((connection) =>
      deadLettersThat(isOf(identity), pipeline, limits, readDeadLetters(connection, name)),
    )
    return messageAnswer({ pipeline, identity, nowMs, records, since, deadLetters })
  }
  if (sink.mode === 'append')
    throw new ConfigurationError(`rows of ${name} are appended, and have no key`, {
      fixes: [
        advice`name a message: message=<id>, or a request: request=<the attribute ${identityAttributes.request}>`,
      ],
    })
  const key = keyNamed(pipeline, words, chosen)
  const row = await read((connection) => readRow(connection, sink, key.values))
  const applied = await unlessTooLong(() =>
    read((connection) => readAppliedToKey(connection, name, sink, key.values, timeoutMs)),
  )
  const deadLetters = await read((connection) =>
    deadLettersOf(key, pipeline, limits, readDeadLetters(connection, name)),
  )
  return sumAnswer({ pipeline, key, nowMs, row, applied, since, deadLetters })
}

/** A redriven message is known by the id of the first. */
function isOf(identity: NamedIdentity): (deadLetter: DeadLetterDetail) => 'message' | undefined {
  if ('request' in identity)
    return ({ attributes }) =>
      attributes[identityAttributes.request] === identity.request ? 'message' : undefined
  return ({ messageId, attributes }) =>
    messageId === identity.message || attributes[identityAttributes.messageId] === identity.message
      ? 'message'
      : undefined
}

const queryCanceled = '57014'

async function unlessTooLong<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === queryCanceled) return undefined
    throw error
  }
}
