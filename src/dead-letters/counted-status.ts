import type { Pipeline, RecordKey, StoredRow } from '#core/pipeline.ts'
import type { AppliedRecord, AppliedToKey } from '#postgres/applied/read-applied.ts'
import type { DeadLettersOfKey } from './search-by-key.ts'

/**
 * - `stored`: its row is there; of a message or a request: records of it have counted
 * - `dead-lettered`: not that, but there are dead letters
 * - `unknown`: neither
 */
export type CountedVerdict = 'stored' | 'dead-lettered' | 'unknown'

/** Where one key of sums is; what `why --json` prints of it. Times are ISO 8601. */
export interface SumStatus {
  readonly pipeline: string
  readonly key: Readonly<Record<string, string | number>>
  readonly verdict: CountedVerdict
  /** All columns by name. */
  readonly row: { readonly values: Readonly<Record<string, string | number | null>> } | null
  /** Null where there is too much to look through. */
  readonly counted: CountedRecords | null
  readonly deadLetters: DeadLettersOfKey
}

/** What has counted for a key, as far as it is remembered. */
export interface CountedRecords {
  /** Records of messages. */
  readonly records: number
  readonly lastPublishedAt: string | null
  /** Records of requests with an `Idempotency-Key`. */
  readonly requests: number
  readonly lastRequestAt: string | null
  /** Messages that were published before are forgotten; null: nothing has counted yet. */
  readonly since: string | null
}

/** What has become of one message, or of one request; what `why --json` prints of it. */
export interface MessageStatus {
  readonly pipeline: string
  /** Absent: it is a request. */
  readonly message?: string
  readonly request?: string
  readonly verdict: CountedVerdict
  /** Those that have counted, by their place in the message; null where there is too much to look through. */
  readonly records: readonly CountedRecord[] | null
  readonly since: string | null
  readonly deadLetters: DeadLettersOfKey
}

export interface CountedRecord {
  readonly index: number
  /** Of a message when it was published first, of a request when that was first used. */
  readonly at: string
}

/** The answer, and what it takes to put it into sentences. */
export interface CountedAnswer {
  readonly status: SumStatus | MessageStatus
  /** `sums key=a`, `message 123 of sums`. */
  readonly subject: string
  /** When it was looked: Unix ms. */
  readonly nowMs: number
}

/** A message by its id, or a request by its attribute: what a person names where rows have no key. */
export type NamedIdentity = { readonly message: string } | { readonly request: string }

/** The identity that the words of a command line name; undefined where they name a key. */
export function identityNamed({ sink }: Pipeline, words: readonly string[]): NamedIdentity | undefined {
  const [, kind = '', id = ''] =
    /^(message|request)=(.+)$/s.exec(words.length === 1 ? (words[0] ?? '') : '') ?? []
  // A column of that name is what is meant.
  if (id === '' || sink.key.includes(kind)) return undefined
  return kind === 'message' ? { message: id } : { request: id }
}

interface Evidence {
  readonly pipeline: Pipeline
  readonly nowMs: number
  readonly since: Date | null
  readonly deadLetters: DeadLettersOfKey
}

interface SumEvidence extends Evidence {
  readonly key: RecordKey
  readonly row: StoredRow | undefined
  /** Undefined where it could not be looked through. */
  readonly applied: AppliedToKey | undefined
}

/** What the evidence about a key means. Pure. */
export function sumAnswer(evidence: SumEvidence): CountedAnswer {
  const { pipeline, key, nowMs, row, applied, since, deadLetters } = evidence
  const { sink, inspector, name } = pipeline
  const status: SumStatus = {
    pipeline: name,
    key: Object.fromEntries(sink.key.map((column, i) => [column, key.values[i] ?? ''])),
    verdict: verdictOf(row !== undefined, deadLetters),
    row: row
      ? { values: Object.fromEntries(sink.columns.map((column, i) => [column.name, row[i] ?? null])) }
      : null,
    counted: applied
      ? {
          records: applied.ofMessages.count,
          lastPublishedAt: iso(applied.ofMessages.last),
          requests: applied.ofRequests.count,
          lastRequestAt: iso(applied.ofRequests.last),
          since: iso(since),
        }
      : null,
    deadLetters,
  }
  return { status, subject: inspector.subject(key), nowMs }
}

interface MessageEvidence extends Evidence {
  readonly identity: NamedIdentity
  /** Undefined where it could not be looked through. */
  readonly records: readonly AppliedRecord[] | undefined
}

/** What the evidence about a message or a request means. Pure. */
export function messageAnswer({
  pipeline,
  identity,
  nowMs,
  records,
  since,
  deadLetters,
}: MessageEvidence): CountedAnswer {
  const status: MessageStatus = {
    pipeline: pipeline.name,
    ...identity,
    verdict: verdictOf((records?.length ?? 0) > 0, deadLetters),
    records: records?.map(({ index, at }) => ({ index, at: at.toISOString() })) ?? null,
    since: iso(since),
    deadLetters,
  }
  const what = 'message' in identity ? `message ${identity.message}` : `request ${identity.request}`
  return { status, subject: `${what} of ${pipeline.name}`, nowMs }
}

function verdictOf(isStored: boolean, { count }: DeadLettersOfKey): CountedVerdict {
  if (isStored) return 'stored'
  return count > 0 ? 'dead-lettered' : 'unknown'
}

const iso = (at: Date | null) => at?.toISOString() ?? null
