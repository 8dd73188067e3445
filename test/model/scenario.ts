import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareVersions } from '#pipeline/newest.ts'

/** What is published about the one key, and what the world around two replicas may do. */
export interface Scenario {
  /** `2 b`: version and content; `2 b!`: the database refuses this record. Two that are the same: a duplicate. */
  readonly messages: readonly string[]
  /** How many calls may be under way, sent and not carried out, while others happen; up to 3. */
  readonly late: number
  /** Redis has a replica, which lags behind and is switched to. */
  readonly failover: boolean
  /** The ingesters are stopped, the table is emptied and everything is delivered again, once. */
  readonly truncate: boolean
  /** The broker delivers again what is acked. */
  readonly redelivers: boolean
  /** Ingesters die, and are started again. */
  readonly crashes: boolean
  /** Calls of the cache and their replies are lost, and it forgets. Else only claims expire. */
  readonly cacheFails: boolean
  /** PostgreSQL fails before the commit, after it, or commits later. Else it only refuses poison. */
  readonly databaseFails: boolean
}

/** Whatever can fail does, one call at a time is late; no failover and no TRUNCATE. */
export function scenario(messages: readonly string[], changes: Partial<Scenario> = {}): Scenario {
  return {
    messages,
    late: 1,
    failover: false,
    truncate: false,
    redelivers: true,
    crashes: true,
    cacheFails: true,
    databaseFails: true,
    ...changes,
  }
}

/**
 * A scenario in numbers. Messages are the bits of a set (`1 << message`); records, as the table, the watermark and
 * the calls know them, are numbered from 1 in the order in which they replace each other, 0 being none.
 */
export interface Story extends Scenario {
  readonly all: number
  /** Per message. */
  readonly records: readonly number[]
  /** Per record, from 1; 0 for none. */
  readonly versions: readonly number[]
  /** The messages that bring a record, as a set. */
  readonly bringing: readonly number[]
  /** Per record, the messages that are settled where it stands in the table, as a set. */
  readonly upTo: readonly number[]
  readonly isPoison: readonly boolean[]
  /** Messages whose record the database refuses, as a set. */
  readonly poison: number
  /** Per set of messages, the newest record that they bring. */
  readonly newest: readonly number[]
  /** What the table holds in the end. */
  readonly result: number
}

export function storyOf(scenario: Scenario): Story {
  const read = scenario.messages.map(recordOf)
  const distinct = [...read]
    .sort(compareVersions)
    .filter((record, i, sorted) => i === 0 || compareVersions(record, sorted[i - 1] as KeyedRecord) !== 0)
  const records = read.map(
    (record) => 1 + distinct.findIndex((other) => compareVersions(other, record) === 0),
  )
  const isRefused = (message: number) => scenario.messages[message]?.endsWith('!') === true
  const setOf = (wanted: (message: number) => boolean) =>
    records.reduce((set, _, message) => (wanted(message) ? set | (1 << message) : set), 0)
  const bringing = [0, ...distinct.map((_, i) => setOf((message) => records[message] === i + 1))]
  const poison = setOf(isRefused)
  const newestOf = (set: number) =>
    records.reduce((newest, record, message) => (set & (1 << message) ? Math.max(newest, record) : newest), 0)
  const all = 2 ** records.length - 1
  return {
    ...scenario,
    all,
    records,
    versions: [0, ...distinct.map(({ version }) => Number(version))],
    bringing,
    upTo: [0, ...distinct].map((_, record) => setOf((message) => (records[message] as number) <= record)),
    isPoison: bringing.map((set) => (set & poison) !== 0),
    poison,
    newest: Array.from({ length: all + 1 }, (_, set) => newestOf(set)),
    result: newestOf(all & ~poison),
  }
}

/** A message's name in a trace. */
export function nameOf(story: Story, message: number): string {
  const text = (story.messages[message] ?? '').replaceAll(' ', '').replace('!', ' (poison)')
  const isCopy = story.messages.indexOf(story.messages[message] ?? '') < message
  return isCopy ? `${text}′` : text
}

/** A record's name in a trace. */
export function recordName(story: Story, record: number): string {
  return record === 0 ? 'none' : nameOf(story, story.records.indexOf(record))
}

/** As a table has it. */
export function messagesText({ messages }: Scenario): string {
  return messages.map((message) => message.replaceAll(' ', '').replace('!', ' (poison)')).join(', ')
}

/** What may happen, as a table has it: how it differs from all that can fail. */
export function worldText(given: Scenario): string {
  const all = scenario(given.messages)
  const isLess = !given.crashes || !given.cacheFails || !given.databaseFails
  const causes = [
    given.crashes && 'crashes',
    given.databaseFails && 'PostgreSQL fails',
    given.cacheFails && 'Redis fails',
  ].filter((cause) => cause !== false)
  const words = [
    isLess ? causes.join(', ') || 'rejections only' : 'everything',
    !isLess && `${given.late} late`,
    given.failover && 'failover',
    given.truncate && 'TRUNCATE',
    given.redelivers !== all.redelivers && 'no redelivery of what is acked',
  ]
  return words.filter((word) => word !== false).join(', ')
}

function recordOf(text: string): KeyedRecord {
  const [version = '0', content = ''] = text.replace('!', '').split(' ')
  return { key: 'k', version: BigInt(version), content, row: undefined, bytes: 1 }
}
