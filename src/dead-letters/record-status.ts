import type { RecordKey, RecordInspector, Pipeline, StoredRecord, StoredRow } from '#core/pipeline.ts'
import type { Deletion } from '#postgres/read-guard.ts'
import type { CacheInspection } from '#redis/cache-inspection.ts'
import type { DeadLettersOfKey } from './search-by-key.ts'

/** Where one record is; what `why --json` prints. Times are ISO 8601, versions are digits. */
export interface RecordStatus {
  readonly pipeline: string
  /** The values of the key's columns, in their canonical spelling. */
  readonly key: Readonly<Record<string, string | number>>
  readonly verdict: Verdict
  readonly row: RowFound | null
  /** The newest deletion that is remembered, also of a key that has a newer row. Absent: no message of the pipeline deletes. */
  readonly deletion?: DeletionFound | null
  readonly watermark: WatermarkFound
  readonly claim: ClaimFound | null
  readonly deadLetters: DeadLettersOfKey
}

/**
 * - `stored`: its row is there, and nothing newer is known
 * - `being-written`: a batch has claimed a version that is newer than the row, or the first one
 * - `cache-ahead`: the cache calls messages stale that the table does not have
 * - `deleted`: there is no row, since a message said so
 * - `dead-lettered`: there is no row, but dead letters
 * - `unknown`: none of all that
 */
export type Verdict = 'stored' | 'being-written' | 'cache-ahead' | 'deleted' | 'dead-lettered' | 'unknown'

/** `time`: what the version is the time of; null where versions are no times. */
export interface VersionFound {
  readonly version: string
  readonly time: string | null
}

export interface DeletionFound extends VersionFound {
  readonly deletedAt: string
}

export interface RowFound extends Versioned {
  /** All columns by name, times in Unix seconds. */
  readonly values: Readonly<Record<string, string | number | null>>
}

/** Null where no message could produce such a row: it was changed by hand. */
interface Versioned {
  readonly record: (VersionFound & { readonly content: string }) | null
}

/**
 * What the cache knows, compared with the row.
 *
 * - `same`: this very row
 * - `newer`: a newer version, or one at all where there is no row
 * - `older`: an older version
 * - `other`: the same version with other content
 * - `none`: nothing; `strange`: an unrecognized value; `off`: there is no cache
 * - `unknown`: it could not be read, and `why` says why
 */
export interface WatermarkFound extends Partial<VersionFound> {
  readonly state: 'same' | 'newer' | 'older' | 'other' | 'none' | 'strange' | 'off' | 'unknown'
  readonly why?: string
}

export interface ClaimFound extends VersionFound {
  readonly claimedAt: string
  readonly endsInMs: number
}

/** The answer, and what it takes to put it into sentences. */
export interface Answer {
  readonly status: RecordStatus
  /** `HTTP on 1.1.1.7:443`. */
  readonly subject: string
  readonly inspector: Pick<RecordInspector, 'content' | 'versionTime'>
  /** When it was looked: Unix ms. */
  readonly nowMs: number
}

/** What the cache said; `why`: it could not be asked. */
export type CacheLook = CacheInspection | { readonly off: true } | { readonly why: string }

/** What each place holds. */
interface Evidence {
  readonly pipeline: Pipeline
  readonly key: RecordKey
  readonly nowMs: number
  readonly cache: CacheLook
  readonly row: StoredRow | undefined
  readonly deletion?: Deletion | undefined
  readonly deadLetters: DeadLettersOfKey
}

/** What the evidence means. Pure. */
export function answer({ pipeline, key, nowMs, cache, row, deletion, deadLetters }: Evidence): Answer {
  const { sink, inspector } = pipeline
  const record = row && inspector.recordOf(row)
  const gone = deletion && deletionRecord(key, deletion, sink)
  const watermark = watermarkFound(cache, row !== undefined, record ?? (row ? undefined : gone), inspector)
  const claim = 'claim' in cache && cache.claim ? cache.claim : undefined
  const ahead = watermark.state === 'newer'
  const known = record ?? (row ? undefined : gone)
  const writing = claim !== undefined && (known ? claim.version > known.version : row === undefined)
  const status: RecordStatus = {
    pipeline: pipeline.name,
    key: Object.fromEntries(sink.key.map((name, i) => [name, key.values[i] ?? ''])),
    verdict: verdictOf({ ahead, writing, stored: row !== undefined, gone: gone !== undefined, deadLetters }),
    row: row
      ? {
          values: Object.fromEntries(sink.columns.map(({ name }, i) => [name, row[i] ?? null])),
          record: record ? { ...versionFound(record.version, inspector), content: record.content } : null,
        }
      : null,
    ...(sink.deletes ? { deletion: deletionFound(deletion, gone, inspector) } : {}),
    watermark,
    claim: claim
      ? {
          ...versionFound(claim.version, inspector),
          claimedAt: new Date(nowMs + claim.madeInMs).toISOString(),
          endsInMs: claim.endsInMs,
        }
      : null,
    deadLetters,
  }
  return { status, subject: inspector.subject(key), inspector, nowMs }
}

/** What was deleted, as the cache knows it. */
function deletionRecord(
  { key }: RecordKey,
  { ranks: [first = 0n] }: Deletion,
  { columns, version }: Pipeline['sink'],
): StoredRecord {
  const inSeconds = columns.find(({ name }) => name === version[0])?.from === 'unix-seconds'
  const rank = inSeconds ? first / 1_000_000n : first
  return { key, version: rank < 0n ? 0n : rank, content: '', isRespelled: true }
}

function deletionFound(
  deletion: Deletion | undefined,
  gone: StoredRecord | undefined,
  inspector: RecordInspector,
): DeletionFound | null {
  if (!deletion || !gone) return null
  return { ...versionFound(gone.version, inspector), deletedAt: deletion.deletedAt.toISOString() }
}

interface Signs {
  readonly ahead: boolean
  readonly writing: boolean
  readonly stored: boolean
  readonly gone: boolean
  readonly deadLetters: DeadLettersOfKey
}

function verdictOf({ ahead, writing, stored, gone, deadLetters }: Signs): Verdict {
  if (ahead) return 'cache-ahead'
  if (writing) return 'being-written'
  if (stored) return 'stored'
  if (gone) return 'deleted'
  return deadLetters.count > 0 ? 'dead-lettered' : 'unknown'
}

function watermarkFound(
  cache: CacheLook,
  stored: boolean,
  record: StoredRecord | undefined,
  inspector: RecordInspector,
): WatermarkFound {
  if ('off' in cache) return { state: 'off' }
  if ('why' in cache) return { state: 'unknown', why: cache.why }
  const { watermark } = cache
  if (watermark === undefined) return { state: 'none' }
  if (watermark === 'strange') return { state: 'strange' }
  const found = versionFound(watermark.version, inspector)
  if (!record) {
    return stored
      ? { state: 'unknown', why: 'no message makes such a row, so the two cannot be compared', ...found }
      : { state: 'newer', ...found }
  }
  if (watermark.version !== record.version) {
    return { state: watermark.version > record.version ? 'newer' : 'older', ...found }
  }
  const isSame = record.isRespelled === true || watermark.isOf(record)
  return { state: isSame ? 'same' : 'other', ...found }
}

function versionFound(version: bigint, { versionTime }: Pick<RecordInspector, 'versionTime'>): VersionFound {
  const ms = versionTime?.msOf(version)
  // A version can be later than any date that JavaScript knows.
  const date = ms === undefined ? undefined : new Date(ms)
  const time = date && !Number.isNaN(date.getTime()) ? date.toISOString() : null
  return { version: version.toString(), time }
}
