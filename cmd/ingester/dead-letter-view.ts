import { isUtf8 } from 'node:buffer'
import type { Listing } from '#dead-letters/list.ts'
import type { Preview } from '#dead-letters/selection.ts'
import type { ShownDeadLetter } from '#dead-letters/show.ts'
import { adviceText } from '#connect/explain.ts'
import { plain } from '#core/plain.ts'
import { prettyJson } from './plain-text.ts'
import { bold, table } from './table.ts'
import { utc } from './wording.ts'

/** Reasons, then letters, as tables; details are cut to so many columns, if there is a terminal that has them. */
export function listingView({ reasons, letters }: Listing, columns: number | undefined): string {
  const groups = reasons.map(({ reason, count, oldest, newest, example }) => [
    plain(reason, 'one line'),
    String(count),
    utc(oldest),
    utc(newest),
    plain(example, 'one line'),
  ])
  const rows = letters.map((letter) => [
    String(letter.id),
    utc(letter.lastSeenAt),
    plain(letter.reason, 'one line'),
    `${letter.deliveryAttempt || '–'}/${letter.timesSeen}`,
    plain(letter.detail, 'one line'),
  ])
  return [
    table(['reason', 'count', 'first seen (UTC)', 'last seen (UTC)', 'for example'], groups, columns, [1]),
    table(['id', 'last seen (UTC)', 'reason', 'attempt/seen', 'detail'], rows, columns, [0]),
  ].join('\n\n')
}

/** What a redrive or a discard would deal with, in its order. */
export function previewView(letters: Preview['letters'], columns: number | undefined): string {
  const rows = letters.map((letter) => [
    String(letter.id),
    utc(letter.publishTime),
    plain(letter.orderingKey, 'one line') || '–',
    String(letter.dataBytes),
    String(letter.redriveCount),
    letter.cut ? 'cut' : letter.escaped ? 'escaped' : '',
    `${plain(letter.reason, 'one line')}: ${plain(letter.detail, 'one line')}`,
  ])
  const head = ['id', 'published (UTC)', 'ordering key', 'bytes', 'redriven', '', 'reason']
  return table(head, rows, columns, [0, 3, 4])
}

/**
 * Everything of one letter.
 *
 * @param envFile that which commands in it are to read
 */
export function letterView(letter: ShownDeadLetter, envFile?: string): string {
  const { kind, lines } = dataView(letter)
  const attributes = Object.entries(letter.attributes).map(([name, value]): [string, string] => [
    `  ${plain(name, 'one line')}`,
    plain(value, 'one line'),
  ])
  const facts: [name: string, value: string][] = [
    ['reason', plain(letter.reason, 'one line')],
    ['detail', plain(letter.detail, 'lines')],
    ['pipeline', letter.pipeline],
    ['subscription', letter.subscription],
    ['message id', plain(letter.messageId, 'one line')],
    ['published', `${utc(letter.publishTime)} UTC`],
    ['ordering key', plain(letter.orderingKey, 'one line') || '–'],
    ['delivery attempt', letter.deliveryAttempt === 0 ? 'not counted' : String(letter.deliveryAttempt)],
    ['seen', letter.timesSeen === 1 ? 'once' : `${letter.timesSeen} times`],
    ['first seen', `${utc(letter.firstSeenAt)} UTC`],
    ['last seen', `${utc(letter.lastSeenAt)} UTC`],
    ['redriven before', letter.redriveCount === 0 ? 'never' : `${letter.redriveCount} times`],
    ['attributes', attributes.length === 0 ? 'none' : ''],
    ...attributes,
    ['data', `${letter.dataBytes} bytes${letter.cut ? ', the beginning of more' : ''}, ${kind}`],
  ]
  return [
    bold(`dead letter ${letter.id}, ${letter.status}`),
    table([], facts, undefined),
    ...lines,
    '',
    bold('what next'),
    ...letter.next.map((line) => adviceText(line, envFile)),
  ].join('\n')
}

/** Data as text if it is text, else base64. */
export function dataAsText({ data }: Pick<ShownDeadLetter, 'data'>): {
  encoding: 'utf8' | 'base64'
  text: string
} {
  const encoding = isUtf8(data) ? 'utf8' : 'base64'
  return { encoding, text: data.toString(encoding) }
}

function dataView(letter: ShownDeadLetter): { kind: string; lines: string[] } {
  const { encoding, text } = dataAsText(letter)
  if (encoding === 'base64') return { kind: 'base64', lines: [text] }
  if (text === '') return { kind: 'text', lines: [] }
  const pretty = prettyJson(text)
  return { kind: pretty === undefined ? 'text' : 'JSON', lines: [plain(pretty ?? text, 'lines')] }
}
