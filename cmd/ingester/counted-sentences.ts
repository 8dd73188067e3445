import type { CountedAnswer, CountedRecords, MessageStatus, SumStatus } from '#dead-letters/counted-status.ts'
import { plain } from '#core/plain.ts'
import { counted, deadLetterLines } from './why-sentences.ts'
import { age, utc } from './wording.ts'

type CountedAnswerForUser = CountedAnswer & {
  readonly envFile?: string | undefined
  readonly pipeline?: string | undefined
}

/** What was found of a pipeline whose records count once, in sentences: the verdict first, then a line or more for each place. */
export function countedSentences(answer: CountedAnswerForUser): string[] {
  const { status, nowMs } = answer
  const places =
    'records' in status
      ? [`  counted       ${recordsSentence(status, nowMs)}`]
      : [
          `  row           ${rowSentence(status)}`,
          `  counted       ${status.counted ? countedSentence(status.counted, nowMs) : tooMany}`,
        ]
  return [
    `${plain(answer.subject, 'one line')}: ${verdict(status)}`,
    '',
    ...places,
    '  cache         not used: each record counts, and none is stale',
    '  unsettled     not known here: see ingester_messages_outstanding and ingester_oldest_outstanding_seconds at /metrics',
    ...deadLetterLines(answer).map((line, i) => `  ${(i === 0 ? 'dead letters' : '').padEnd(12)}  ${line}`),
  ]
}

const tooMany = 'not counted: too many to look through'

function verdict(status: SumStatus | MessageStatus): string {
  const { count } = status.deadLetters
  const isMessage = 'records' in status
  switch (status.verdict) {
    case 'stored': {
      const what = isMessage ? `${counted(status.records?.length ?? 0, 'record')} of it counted` : 'stored'
      return count > 0 ? `${what}; it also has ${counted(count, 'dead letter')}` : what
    }
    case 'dead-lettered':
      return isMessage
        ? `it is a dead letter`
        : `not stored: ${count === 1 ? 'a message of it is a dead letter' : `${count} messages of it are dead letters`}`
    case 'unknown':
      return isMessage && status.records === null
        ? 'not known: too many to look through'
        : 'nothing is known about it. If it was published, it is waiting in the subscription or in a batch'
  }
}

function rowSentence({ row, key }: SumStatus): string {
  if (!row) return 'not stored'
  const sums = Object.entries(row.values).filter(([name]) => !Object.hasOwn(key, name))
  return sums.map(([name, value]) => `${name} ${plain(String(value ?? 'NULL'), 'one line')}`).join(', ')
}

function countedSentence(found: CountedRecords, nowMs: number): string {
  const { records, lastPublishedAt, requests, lastRequestAt, since } = found
  const parts = [
    ...(lastPublishedAt === null
      ? []
      : [`${counted(records, 'record')} of messages, the newest published ${when(lastPublishedAt, nowMs)}`]),
    ...(lastRequestAt === null
      ? []
      : [
          `${counted(requests, 'record')} of requests (Idempotency-Key), the newest first used ${when(lastRequestAt, nowMs)}`,
        ]),
  ]
  const what = parts.length === 0 ? 'no record' : parts.join('; ')
  return `${what}${remembered(since)}`
}

function recordsSentence({ records, since, request }: MessageStatus, nowMs: number): string {
  if (records === null) return tooMany
  const [first] = records
  if (!first) return `no record${remembered(since)}`
  const places = records.map(({ index }) => index).join(', ')
  const how = request === undefined ? 'published' : 'first used'
  const which = records.length === 1 ? `record ${places}` : `records ${places}`
  return `${which} of it, ${how} ${when(first.at, nowMs)}`
}

function remembered(since: string | null): string {
  return since === null ? '' : `; what was published before ${since.slice(0, 10)} is forgotten`
}

function when(at: string, nowMs: number): string {
  const ms = Date.parse(at)
  return `${utc(ms)} UTC (${age(nowMs - ms)})`
}
