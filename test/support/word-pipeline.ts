import type { KeyedRecord } from '#core/keyed-record.ts'
import { Ignored, isIgnored } from '#core/ignored.ts'
import type { Decoded, DecodedRow, RecordKey } from '#core/pipeline.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import { newestPipeline } from './newest-pipeline.ts'
import type { NewestPipeline } from './newest-pipeline.ts'
import { makePipeline } from '#pipeline/make-pipeline.ts'
import type { Newest } from '#pipeline/newest.ts'
import { compareVersions } from '#pipeline/newest.ts'
import { nameOf } from './journal.ts'

export interface Word {
  readonly key: string
  readonly version: bigint
  readonly content: string
}

const words = makePipeline({
  name: 'words',
  format: 1,
  topic: 'words',
  subscription: 'words',
  decode: ({ data }): Decoded<Word> => decodeText(data.toString()),
  rejections: ['malformed'],
  ignoreRules: ['skip'],
  table: {
    name: 'words',
    columns: [
      { name: 'key', type: 'text', of: ({ key }) => key },
      { name: 'version', type: 'bigint', of: ({ version }) => version },
      { name: 'content', type: 'text', of: ({ content }) => content },
    ],
    key: ['key'],
    version: ['version', 'content'],
  },
  inspector: {
    example: ['a'],
    keyOf: ([key = '']) => ({ key, values: [key] }),
    keyFromMessage: ({ data }) => keyOfWords(data.toString()),
    mentions: ({ key }, text) => text.split(/\s+/).includes(key),
    subject: ({ key }) => `the word ${key}`,
    recordOf: ([key, version, content]) => ({
      key: String(key),
      version: BigInt(version as string),
      content: String(content),
    }),
    content: 'content',
  },
})

/** A record's size is that of its message, so that tests can reckon with it. */
const { merge: ofTable } = newestPipeline(words)
const merge: Newest<Word> = {
  ...ofTable,
  recordOf: (word) => ({ ...ofTable.recordOf(word), bytes: nameOf(word).length }),
}

/**
 * The smallest pipeline there is: a message is `key version content`, three words; or several of these, each followed by
 * a semicolon. A semicolon alone is no record. `skip` is a record that a rule ignores, `skip so` one by an undeclared rule.
 */
export const wordPipeline: NewestPipeline<Word> = { ...words, merge }

/**
 * The same, but for what the engine knows: of equal versions with different content only the table can tell which stays, as of
 * tables with other columns than key and version.
 */
export const tiedWordPipeline: NewestPipeline<Word> = {
  ...wordPipeline,
  merge: {
    ...merge,
    compare: (a, b) =>
      a.version === b.version && a.content !== b.content ? undefined : compareVersions(a, b),
  },
}

function keyOfWords(text: string): RecordKey | Rejection {
  const decoded = decodeWords(text)
  if (isIgnored(decoded)) return new Rejection('no-record', 'it is ignored')
  return isRejection(decoded) ? decoded : { key: decoded.key, values: [decoded.key] }
}

function decodeText(text: string): Decoded<Word> {
  if (text === ';') return []
  return text.endsWith(';') ? text.slice(0, -1).split(';').map(decodeWords) : decodeWords(text)
}

function decodeWords(text: string): DecodedRow<Word> {
  if (/^skip( so)?$/.test(text)) return new Ignored(text)
  const [, key, digits, content] = /^(\S+) (\d+) (\S+)$/.exec(text) ?? []
  if (key === undefined || digits === undefined || content === undefined) {
    return new Rejection('malformed', 'not three words')
  }
  return { key, version: BigInt(digits), content }
}

/** The record of a message of one. */
export function recordOfWords(text: string): KeyedRecord<Word> {
  const word = decodeWords(text)
  if (isIgnored(word) || isRejection(word)) throw new Error(`${text} is no record`)
  return wordPipeline.merge.recordOf(word)
}
