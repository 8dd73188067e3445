import { commandLine } from '#connect/explain.ts'
import type {
  Answer,
  ClaimFound,
  DeletionFound,
  RowFound,
  VersionFound,
  WatermarkFound,
} from '#dead-letters/record-status.ts'
import type { DeadLettersOfKey } from '#dead-letters/search-by-key.ts'
import { pipelineOptionOf } from '#dead-letters/pipeline-argument.ts'
import { plain } from '#core/plain.ts'
import { age, quoted, utc } from './wording.ts'

/** An answer, and what commands in its sentences are given on. */
type AnswerForUser = Answer & {
  readonly envFile?: string | undefined
  /** Name or path that was given. */
  readonly pipeline?: string | undefined
}

/** What was found, in sentences: the verdict first, then a line or more for each place that was looked at. */
export function sentences(answer: AnswerForUser): string[] {
  const { row, deletion, watermark, claim } = answer.status
  return [
    `${plain(answer.subject, 'one line')}: ${verdict(answer)}`,
    '',
    `  row           ${row ? rowSentence(row, answer) : 'not stored'}`,
    ...(deletion ? [`  deletion      ${deletionSentence(deletion, answer)}`] : []),
    `  watermark     ${watermarkSentence(watermark, answer)}`,
    `  claim         ${claim ? claimSentence(claim, answer) : noClaim(watermark)}`,
    ...deadLetterLines(answer).map((line, i) => `  ${(i === 0 ? 'dead letters' : '').padEnd(12)}  ${line}`),
  ]
}

const bump = ({ envFile, pipeline }: AnswerForUser) =>
  `\`${commandLine(`cache bump${pipelineOptionOf(pipeline)}`, envFile)}\``

function verdict(answer: AnswerForUser): string {
  const { status } = answer
  const { row, deadLetters } = status
  const also = deadLetters.count > 0 ? `; it also has ${counted(deadLetters.count, 'dead letter')}` : ''
  switch (status.verdict) {
    case 'stored':
      return `stored${also}`
    case 'being-written':
      return `${row ? 'stored, and a newer version' : 'not stored yet, but it'} is being written${also}`
    case 'cache-ahead':
      return `${row ? 'stored, but not in its newest version' : 'not stored'}, and the cache treats its messages as stale; ${bump(answer)} invalidates the cached watermarks${also}`
    case 'deleted':
      return `deleted${also}`
    case 'dead-lettered':
      return `not stored: ${deadLetters.count === 1 ? 'its message is a dead letter' : `${deadLetters.count} messages of it are dead letters`}`
    case 'unknown':
      return 'not stored, and nothing is known about it. If it was published, it is waiting in the subscription or in a batch'
  }
}

function rowSentence({ record }: RowFound, answer: Answer): string {
  if (!record) return 'stored, with values no message could produce: the row was changed by hand'
  const content = `${answer.inspector.content} ${quoted(record.content)} (${bytes(record.content)})`
  return `stored: ${plain(answer.subject, 'one line')}, ${versionWords(record, answer)}, ${content}`
}

function deletionSentence(deletion: DeletionFound, answer: Answer): string {
  const at = Date.parse(deletion.deletedAt)
  const when = `${utc(at)} UTC (${age(answer.nowMs - at)})`
  return `${when}, ${versionWords(deletion, answer)}; older messages count as stale`
}

function watermarkSentence(watermark: WatermarkFound, answer: AnswerForUser): string {
  const version = versionWords(watermark as VersionFound, answer)
  const { row, deletion } = answer.status
  switch (watermark.state) {
    case 'same':
      return row ? 'matches the row' : 'matches the deletion'
    case 'newer': {
      const what = row
        ? 'a newer version than the row'
        : deletion
          ? 'a newer version than the deletion, but there is no row'
          : 'a version, but there is no row'
      return `the cache has ${what}: ${version}. Rows were probably deleted or restored; messages up to that version count as stale until you run ${bump(answer)}`
    }
    case 'older':
      return `the cache has an older version than the row: ${version}. Harmless: newer messages are written, or rejected by the table`
    case 'other':
      return `the cache has different content for this version: ${version}. Harmless: the table decides between the two`
    case 'none':
      return 'none: the cache has no watermark for it'
    case 'strange':
      return 'unrecognized value in Redis, ignored'
    case 'off':
      return 'there is no cache (INGESTER_REDIS_ENABLED=false)'
    case 'unknown':
      return `not known: ${plain(watermark.why ?? '', 'one line')}`
  }
}

function claimSentence(claim: ClaimFound, answer: Answer): string {
  const since = Date.parse(claim.claimedAt)
  const when = `since ${utc(since)} UTC (${age(answer.nowMs - since)})`
  const ends = Math.max(1, Math.round(claim.endsInMs / 1000))
  return `being written by a batch ${when}: ${versionWords(claim, answer)}; its claim ends in ${ends} s`
}

function noClaim({ state }: WatermarkFound): string {
  return state === 'off' || state === 'unknown' ? 'not known' : 'none'
}

const maxShown = 5

/** What there is to say of dead letters, and to whom. */
interface WithDeadLetters {
  readonly status: { readonly deadLetters: DeadLettersOfKey }
  readonly nowMs: number
  readonly envFile?: string | undefined
  readonly pipeline?: string | undefined
}

export function deadLetterLines(answer: WithDeadLetters): string[] {
  const { count, searched, all, letters } = answer.status.deadLetters
  const where = all ? '' : ` among the newest ${searched.toLocaleString('en')}; older ones were not searched`
  if (count === 0) return [`none${where}`]
  const shown = letters.slice(0, maxShown)
  const lines = shown.flatMap((deadLetter) => {
    const seen = Date.parse(deadLetter.lastSeenAt)
    const times = deadLetter.timesSeen > 1 ? `, ${deadLetter.timesSeen} times` : ''
    const notes = [
      ...(deadLetter.match === 'text' ? ['its payload is unreadable but mentions this key'] : []),
      ...(deadLetter.accepted ? ['the pipeline accepts it today: redrive it when the cause is fixed'] : []),
      ...(deadLetter.status === 'new' ? [] : [`status ${plain(deadLetter.status, 'one line')}`]),
    ].map((note) => `; ${note}`)
    return [
      `${deadLetter.id}  ${utc(seen)} UTC (${age(answer.nowMs - seen)}${times})  ${plain(deadLetter.reason, 'one line')}: ${plain(deadLetter.detail, 'one line')}${notes.join('')}`,
    ]
  })
  const more = count - shown.length
  const show = commandLine(
    `dead-letters show ${letters[0]?.id}${pipelineOptionOf(answer.pipeline)}`,
    answer.envFile,
  )
  return [
    `${count}${where}, newest first; one in full: ${show}`,
    ...lines,
    ...(more > 0 ? [`… and ${more} more`] : []),
  ]
}

/** `seen 2026-11-21 10:00:00 UTC (3 s ago)`, or `version 17`. */
function versionWords({ version, time }: VersionFound, { inspector, nowMs }: Answer): string {
  if (time == null || !inspector.versionTime) return `version ${version}`
  const ms = Date.parse(time)
  return `${inspector.versionTime.word} ${utc(ms)} UTC (${age(nowMs - ms)})`
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function bytes(text: string): string {
  return counted(Buffer.byteLength(text), 'byte')
}
