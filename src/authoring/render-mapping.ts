import type { TableMode } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import { plain } from '#core/plain.ts'
import type { Choice } from './choose-key.ts'
import type { FieldSource, InitialColumn } from './initial-columns.ts'
import { yamlList, yamlText } from './yaml-text.ts'

/** What a mapping file says. */
export interface MappingPlan {
  /** Where editors find the schema of these files, from the file's folder. */
  readonly schema: string | undefined
  readonly name: string
  readonly table: string
  readonly subscription: Named
  readonly topic: Named
  readonly mode: TableMode
  /** Undefined where the mode has none. */
  readonly key?: Choice | undefined
  readonly version?: Choice | undefined
  readonly columns: readonly InitialColumn[]
}

/** A name that was given, or a guess. */
export interface Named {
  readonly text: string
  readonly isGuess: boolean
}

/** The file, with comments for the person who edits it next. */
export function renderMapping(plan: MappingPlan): string {
  const { schema, name, table, subscription, topic, columns } = plan
  const guess = (what: string) => comment(`A guess from the table's name: put your ${what} here.`)
  return [
    ...(schema === undefined ? [] : [`# yaml-language-server: $schema=${schema}`, '']),
    ...comment('The label of metrics and logs, and the name of its dead letters: do not change it later.'),
    `name: ${yamlText(name)}`,
    '',
    ...(subscription.isGuess ? guess('subscription') : []),
    ...comment('An id in INGESTER_PROJECTID, or projects/P/subscriptions/S.'),
    `subscription: ${yamlText(subscription.text)}`,
    ...(topic.isGuess ? guess('topic') : []),
    ...comment('Where the messages are published. With an emulator, topic and subscription are created.'),
    `topic: ${yamlText(topic.text)}`,
    '',
    `table: ${yamlText(table)}`,
    '',
    ...modeLines(plan),
    ...comment('A column that is added to the table later changes nothing until it is named below.'),
    'others: skip',
    '',
    ...comment(
      `Each column, and the path of its field in the message: customer.id, items[0].sku, '"a.name.with.dots"' with both quotes; also $publishTime, $messageId, $attributes.NAME, $data.`,
    ),
    'columns:',
    ...columnLines(columns),
    '',
  ].join('\n')
}

function modeLines({ mode, key, version }: MappingPlan): string[] {
  return [
    ...(mode === 'newest' ? [] : [...comment(modeComments[mode]), `mode: ${mode}`, '']),
    ...(key
      ? [
          ...comment(`What identifies a row: ${key.reason}.${orElse(key.others)}`),
          `key: ${yamlList(key.columns)}`,
          '',
        ]
      : []),
    ...(version
      ? [
          ...comment(
            `Of two messages of a key the one with the greater version stays, in whatever order they arrive. Why ${version.columns.join(', ')}: ${version.reason}.${orElse(version.others)}`,
          ),
          `version: ${yamlList(version.columns)}`,
          '',
        ]
      : []),
  ]
}

const modeComments = {
  append: 'Each record becomes a row of its own, once, however often its message is delivered.',
  sum: 'Each record is added to the row of its key, once, however often its message is delivered. A column may also count records: { value: 1 }.',
} as const

function orElse(others: readonly string[]): string {
  return others.length === 0 ? '' : ` Others: ${others.join(', ')}.`
}

/** Beyond this, comments stand where they come. */
const widestAligned = 56

function columnLines(columns: readonly InitialColumn[]): string[] {
  const entries = columns.map((column) => ({ text: entryOf(column), note: noteOf(column) }))
  const widths = entries.flatMap(({ text = '' }) => (text.length <= widestAligned ? text.length : []))
  const width = Math.max(0, ...widths)
  return entries.map(({ text, note }) => {
    const about = `# ${plain(note, 'one line')}`
    return text === undefined ? `  ${about}` : `  ${text.padEnd(width)}  ${about}`
  })
}

/** Undefined where there is only a comment. */
function entryOf({ name, source }: InitialColumn): string | undefined {
  if ('leftAlone' in source) return undefined
  return 'skip' in source ? `${yamlText(name)}: { skip: true }` : fieldEntry(name, source)
}

function fieldEntry(name: string, source: FieldSource): string {
  const { path, optional, timezone, default: instead } = source
  const members = [
    `path: ${yamlText(path)}`,
    ...(timezone === undefined ? [] : [`timezone: ${yamlText(timezone)}`]),
    ...(optional ? ['optional: true'] : []),
    ...(instead === undefined ? [] : [`default: ${instead}`]),
  ]
  return `${yamlText(name)}: ${members.length === 1 ? yamlText(path) : `{ ${members.join(', ')} }`}`
}

function noteOf(column: InitialColumn): string {
  const { name, type, isNullable, source } = column
  if ('leftAlone' in source) return `${name}: ${type}, left alone: ${source.leftAlone}`
  const typed = `${type}${isNullable ? '' : ' NOT NULL'}`
  if ('skip' in source)
    return `${typed}, left to its default; from messages: ${fieldEntry(name, source.instead)}`
  return `${typed}${hintOf(column, source.path)}`
}

/** What messages may have instead. */
function hintOf(column: InitialColumn, path: string): string {
  const { name, isArray } = typeOf(column)
  if (isArray) return ''
  if (name === 'bytea') return '; base64 in messages, else add encoding: hex (or base64url)'
  if (name === 'timestamptz') return `; from a number since 1970: { path: ${yamlText(path)}, unit: ms }`
  return name === 'timestamp' ? '; as a clock of this zone shows it' : ''
}

/** Wrapped. */
function comment(text: string): string[] {
  const lines: string[] = []
  for (const word of plain(text, 'one line').split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < 110) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(`# ${word}`)
  }
  return lines
}
