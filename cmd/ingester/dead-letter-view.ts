import { isUtf8 } from 'node:buffer'
import type { Listing } from '#dead-letters/list.ts'
import type { Preview } from '#dead-letters/selection.ts'
import type { ShownDeadLetter } from '#dead-letters/show.ts'
import { adviceText } from '#connect/explain.ts'
import { plain } from '#core/plain.ts'
import { prettyJson } from './plain-text.ts'
import { bold, table } from './table.ts'
import { utc } from './wording.ts'

/** Reasons, then dead letters, as tables; details are cut to the terminal's columns, if there is a terminal. */
export function listingView({ reasons, letters }: Listing, columns: number | undefined): string {
  const groups = reasons.map(({ reason, count, oldest, newest, example }) => [
    plain(reason, 'one line'),
    String(count),
    utc(oldest),
    utc(newest),
    plain(example, 'one line'),
  ])
  const rows = letters.map((deadLetter) => [
    String(deadLetter.id),
    utc(deadLetter.lastSeenAt),
    plain(deadLetter.reason, 'one line'),
    `${deadLetter.deliveryAttempt || '–'}/${deadLetter.timesSeen}`,
    plain(deadLetter.detail, 'one line'),
  ])
  return [
    table(['reason', 'count', 'first seen (UTC)', 'last seen (UTC)', 'for example'], groups, columns, [1]),
    table(['id', 'last seen (UTC)', 'reason', 'attempt/seen', 'detail'], rows, columns, [0]),
  ].join('\n\n')
}

/** What a redrive or a discard would deal with, in its order. */
export function previewView(letters: Preview['letters'], columns: number | undefined): string {
  const rows = letters.map((deadLetter) => [
    String(deadLetter.id),
    utc(deadLetter.publishTime),
    plain(deadLetter.orderingKey, 'one line') || '–',
    String(deadLetter.dataBytes),
    String(deadLetter.redriveCount),
    deadLetter.cut ? 'cut' : deadLetter.escaped ? 'escaped' : '',
    `${plain(deadLetter.reason, 'one line')}: ${plain(deadLetter.detail, 'one line')}`,
  ])
  const head = ['id', 'published (UTC)', 'ordering key', 'bytes', 'redriven', '', 'reason']
  return table(head, rows, columns, [0, 3, 4])
}

/**
 * Everything of one dead letter.
 *
 * @param envFile that which commands in it are to read
 */
export function deadLetterView(deadLetter: ShownDeadLetter, envFile?: string): string {
  const { kind, lines } = dataView(deadLetter)
  const attributes = Object.entries(deadLetter.attributes).map(([name, value]): [string, string] => [
    `  ${plain(name, 'one line')}`,
    plain(value, 'one line'),
  ])
  const facts: [name: string, value: string][] = [
    ['reason', plain(deadLetter.reason, 'one line')],
    ['detail', plain(deadLetter.detail, 'lines')],
    ['pipeline', deadLetter.pipeline],
    ['subscription', deadLetter.subscription],
    ['message id', plain(deadLetter.messageId, 'one line')],
    ['published', `${utc(deadLetter.publishTime)} UTC`],
    ['ordering key', plain(deadLetter.orderingKey, 'one line') || '–'],
    [
      'delivery attempt',
      deadLetter.deliveryAttempt === 0 ? 'not counted' : String(deadLetter.deliveryAttempt),
    ],
    ['seen', deadLetter.timesSeen === 1 ? 'once' : `${deadLetter.timesSeen} times`],
    ['first seen', `${utc(deadLetter.firstSeenAt)} UTC`],
    ['last seen', `${utc(deadLetter.lastSeenAt)} UTC`],
    ['redriven before', deadLetter.redriveCount === 0 ? 'never' : `${deadLetter.redriveCount} times`],
    ['attributes', attributes.length === 0 ? 'none' : ''],
    ...attributes,
    ['data', `${deadLetter.dataBytes} bytes${deadLetter.cut ? ', the beginning of more' : ''}, ${kind}`],
  ]
  return [
    bold(`dead letter ${deadLetter.id}, ${deadLetter.status}`),
    table([], facts, undefined),
    ...lines,
    '',
    bold('what next'),
    ...deadLetter.next.map((line) => adviceText(line, envFile)),
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

function dataView(deadLetter: ShownDeadLetter): { kind: string; lines: string[] } {
  const { encoding, text } = dataAsText(deadLetter)
  if (encoding === 'base64') return { kind: 'base64', lines: [text] }
  if (text === '') return { kind: 'text', lines: [] }
  const pretty = prettyJson(text)
  return { kind: pretty === undefined ? 'text' : 'JSON', lines: [plain(pretty ?? text, 'lines')] }
}
