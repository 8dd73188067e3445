import assert from 'node:assert/strict'
import { test } from 'vitest'
import { versionRank } from './version-names.ts'

const ranks = (type: string, names: string) => names.split(' ').map((name) => [name, versionRank(name, type)])
const all = (rank: number | undefined, names: string) => names.split(' ').map((name) => [name, rank])

test('names of times, the best first', () => {
  const byRank: readonly (readonly [number | undefined, string])[] = [
    [
      0,
      'updated_at updatedAt UPDATED_AT last_updated last_update row_updated_at modified modified_on lastModified',
    ],
    [0, 'date_modified modification_time changed_at change_time last_seen lastSeenAt mtime update_time'],
    [1, 'version revision seq lsn'],
    [2, 'timestamp ts time at event_time occurred_at observed_at seen_at received_at published_at sentAt'],
    [3, 'created_at createdAt created inserted_at creation_time created_time'],
    [
      undefined,
      'expires_at deleted_at first_seen started_at birthday shipped_at due id valid_until scheduled_time',
    ],
  ]
  for (const [rank, names] of byRank) assert.deepEqual(ranks('timestamptz', names), all(rank, names))
})

test('names of numbers: fewer are those of times, and none says who, or how many', () => {
  const byRank: readonly (readonly [number | undefined, string])[] = [
    [0, 'updated_at modified_ts updated_ms'],
    [
      1,
      'version row_version lock_version revision rev seq sequence_number lsn event_seq offset versionNumber',
    ],
    [2, 'timestamp ts time event_time ts_ms timestamp_us eventTime'],
    [3, 'created_at created_ms'],
    [
      undefined,
      'updated_by modified_by_id update_count last_update_user created_by time_zone at seen sent timeout',
    ],
    [
      undefined,
      'schema_version api_version version_count port quantity total order_id min_version versatile',
    ],
  ]
  for (const [rank, names] of byRank) assert.deepEqual(ranks('bigint', names), all(rank, names))
})
