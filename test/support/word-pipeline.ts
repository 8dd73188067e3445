import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Decoded, RecordKey, Pipeline, Rejection } from '#core/pipeline.ts'
import { isRejection } from '#core/pipeline.ts'

/**
 * The smallest pipeline there is: a message is `key version content`, three words; or several of these, each followed by
 * a semicolon. A semicolon alone is no record.
 */
export const wordPipeline: Pipeline = {
  name: 'words',
  format: 1,
  source: { kind: 'pubsub', topicId: 'words', subscriptionId: 'words' },
  decode: ({ data }: Delivery) => decodeText(data.toString()),
  rejections: ['malformed'],
  merge: 'newest',
  sink: {
    kind: 'postgres',
    name: 'words',
    columns: [
      { name: 'key', type: 'text' },
      { name: 'version', type: 'bigint' },
      { name: 'content', type: 'text' },
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
}

function keyOfWords(text: string): RecordKey | Rejection {
  const decoded = decodeWords(text)
  return isRejection(decoded) ? decoded : { key: decoded.key, values: [decoded.key] }
}

function decodeText(text: string): Decoded {
  if (text === ';') return []
  return text.endsWith(';') ? text.slice(0, -1).split(';').map(decodeWords) : decodeWords(text)
}

export function decodeWords(text: string): KeyedRecord | Rejection {
  const [, key, digits, content] = /^(\S+) (\d+) (\S+)$/.exec(text) ?? []
  if (key === undefined || digits === undefined || content === undefined) {
    return { reason: 'malformed', detail: 'not three words' }
  }
  const version = BigInt(digits)
  return { key, version, content, values: [key, version, content], bytes: text.length }
}
