import { identityReused } from '#core/dead-letter.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { preview } from '#core/preview.ts'
import type { RefusedRecord } from '#core/sink.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { arrayLiteral } from '../array-literal.ts'
import type { Connections } from '../connection-pool.ts'
import { runStatement } from '../statement.ts'
import { statementName } from '../upsert.ts'
import type { TableEffect } from './effects.ts'

/** What stands with the identities, by the positions that they were asked for. Each is there: it kept a record from being new. */
const text = `SELECT r.at, a.effect, a.first_used_at AS since
FROM unnest($2::integer[], $3::text[], $6::integer[]) AS r(at, request, record_index)
JOIN applied_requests AS a ON a.request = r.request AND a.record_index = r.record_index AND a.pipeline = $1
UNION ALL
SELECT r.at, a.effect, NULL
FROM unnest($2::integer[], $4::text[], $5::bigint[], $6::integer[]) AS r(at, message_id, published, record_index)
JOIN applied_messages AS a
  ON a.publish_time = timestamptz 'epoch' + r.published * interval '1 millisecond' AND a.message_id = r.message_id
     AND a.record_index = r.record_index AND a.pipeline = $1`
const name = statementName('reused', text)

interface Found {
  readonly at: number
  readonly effect: readonly string[]
  readonly since: Date | null
}

/**
 * The duplicates that are not the same record: their identity was given to them, and was used before for a record with other
 * values, which has counted. Of a message's own identity there is no other record, whatever its values were read as before.
 *
 * To be asked after the identities are committed, in a statement of its own: the one that met them cannot see them.
 *
 * @param duplicates positions among the records
 * @throws WriteFailure
 */
export async function reusedIdentities<R>(
  pool: Connections,
  pipeline: string,
  records: readonly KeyedRecord<R>[],
  duplicates: readonly number[],
  { effectOf, isSame }: Pick<TableEffect<R>, 'effectOf' | 'isSame'>,
): Promise<RefusedRecord[]> {
  const given = duplicates.flatMap((at) => {
    const { identity } = records[at] as KeyedRecord<R>
    return identity && (identity.of.kind === 'request' || identity.of.isGiven) ? [{ at, ...identity }] : []
  })
  if (given.length === 0) return []
  const values = [
    pipeline,
    arrayLiteral(given.map(({ at }) => at)),
    arrayLiteral(given.map(({ of }) => (of.kind === 'request' ? of.request : null))),
    arrayLiteral(given.map(({ of }) => (of.kind === 'message' ? of.messageId : null))),
    arrayLiteral(given.map(({ of }) => (of.kind === 'message' ? of.publishTimeMs : null))),
    arrayLiteral(given.map(({ index }) => index)),
  ]
  const { rows } = await runStatement<Found>(pool, { name, text, values }, 'table applied_requests')
  return rows.flatMap(({ at, effect, since }) => {
    const own = effectOf(records[at] as KeyedRecord<R>)
    if (isSame(effect, own)) return []
    return [{ at, reason: identityReused, failure: reusedFailure(effect, own, since) }]
  })
}

function reusedFailure(before: readonly string[], own: readonly string[], since: Date | null): WriteFailure {
  const when = since === null ? '' : ` at ${since.toISOString()}`
  const what =
    own.length === 1 && before.length === 1
      ? 'with other values'
      : `for ${preview(before)}, and here it is ${preview(own)}`
  return new WriteFailure('bad-row', `its identity was used before${when} ${what}; the first one counts`)
}
