/** What is published about the one key, and what stands in the table before. */
export interface Scenario {
  /** `insert 5`, `insert 5 b` (with a content), `delete 10`; `late insert 5` is published when the horizon has passed. */
  readonly messages: readonly string[]
  /** A row that was there before guards were kept. */
  readonly standing?: string
  /** The horizon passes, once, at any moment. */
  readonly horizon?: boolean
}

interface Message {
  readonly version: number
  readonly content: string
  readonly isDelete: boolean
  readonly isLate: boolean
}

/**
 * A scenario in numbers. Messages are the bits of a set (`1 << message`).
 *
 * A record is numbered from 1 in the order in which records replace each other: by version, then by content, and a
 * delete after all that has its version. 0 is none. The row is a record; where it is a delete, the row is marked.
 *
 * A guard is 1 where it has no deletion, else 1 more than the place of the deletion's version among the versions, from 1.
 * 0 is none.
 */
export interface Story extends Scenario {
  readonly all: number
  /** Of these, those that delete. */
  readonly deletes: number
  readonly late: number
  /** Per message. */
  readonly records: readonly number[]
  /** Per record, from 1: the place of its version, from 1. */
  readonly versions: readonly number[]
  /** Records that delete. */
  readonly marks: ReadonlySet<number>
  readonly names: readonly string[]
  readonly standingRecord: number
  /** Guards that messages published after the horizon write. */
  readonly lateGuards: ReadonlySet<number>
  /** Per set of messages: the row that they, and what stood there before, leave. */
  readonly results: readonly number[]
}

/** One without a deletion. */
export const emptyGuard = 1

export function storyOf(scenario: Scenario): Story {
  const messages = scenario.messages.map(parse)
  const standing = scenario.standing === undefined ? [] : [parse(scenario.standing)]
  const distinct = [...messages, ...standing]
    .sort(compare)
    .filter((record, i, sorted) => i === 0 || compare(record, sorted[i - 1] as Message) !== 0)
  const versions = [...new Set(distinct.map(({ version }) => version))]
  const recordOf = (message: Message) => 1 + distinct.findIndex((other) => compare(other, message) === 0)
  const placeOf = ({ version }: Message) => 1 + versions.indexOf(version)
  const records = messages.map(recordOf)
  const [standingRecord = 0] = standing.map(recordOf)
  const all = 2 ** messages.length - 1
  const resultOf = (set: number) => {
    const left = records.filter((_, message) => set & (1 << message))
    const newest = Math.max(standingRecord, ...left)
    return newest > 0 && distinct[newest - 1]?.isDelete ? 0 : newest
  }
  const setOf = (isIn: (message: Message) => boolean) =>
    messages.reduce((set, message, i) => (isIn(message) ? set | (1 << i) : set), 0)
  const late = messages.filter(({ isLate }) => isLate)
  return {
    ...scenario,
    all,
    deletes: setOf(({ isDelete }) => isDelete),
    late: setOf(({ isLate }) => isLate),
    records,
    versions: [0, ...distinct.map(placeOf)],
    marks: new Set(distinct.flatMap(({ isDelete }, i) => (isDelete ? [i + 1] : []))),
    names: ['none', ...distinct.map(({ version, content }) => `${version}${content}`)],
    standingRecord,
    lateGuards: new Set(late.flatMap((message) => (message.isDelete ? [emptyGuard + placeOf(message)] : []))),
    results: Array.from({ length: all + 1 }, (_, set) => resultOf(set)),
  }
}

export function recordOf(story: Story, message: number): number {
  return story.records[message] as number
}

/** The guard into which a message's version is entered as that of a deletion. */
export function guardOf(story: Story, message: number): number {
  return guardAt(story, recordOf(story, message))
}

export function guardAt({ versions }: Story, record: number): number {
  return emptyGuard + (versions[record] as number)
}

export function isDelete(story: Story, message: number): boolean {
  return isMark(story, recordOf(story, message))
}

export function isMark({ marks }: Story, record: number): boolean {
  return marks.has(record)
}

export function isLate(story: Story, message: number): boolean {
  return (story.late & (1 << message)) !== 0
}

/** `insert 5b`. */
export function messageName(story: Story, message: number): string {
  return `${isDelete(story, message) ? 'delete' : 'insert'} ${story.names[recordOf(story, message)]}`
}

export function rowName(story: Story, record: number): string {
  return `${story.names[record]}${isMark(story, record) ? ' (marked)' : ''}`
}

export function guardName({ names, versions }: Story, guard: number): string {
  if (guard <= emptyGuard) return guard === 0 ? 'none' : 'empty'
  return `delete ${parseInt(names[versions.indexOf(guard - emptyGuard)] as string)}`
}

/** As a table has it. */
export function messagesText({ messages }: Scenario): string {
  return messages.map((message) => message.replace(/(\d) /, '$1')).join(', ')
}

/** What may happen, as a table has it. */
export function worldText({ standing, horizon }: Scenario): string {
  const words = [
    'everything',
    standing !== undefined && `row ${standing.replace('insert ', '')} has no guard`,
    horizon === true && 'the horizon passes',
  ]
  return words.filter((word) => word !== false).join(', ')
}

function parse(text: string): Message {
  const [, late, kind, version, content] = /^(late )?(insert|delete) (\d+)(?: (\w))?$/.exec(text) ?? []
  if (kind === undefined) throw new Error(`not a message: ${text}`)
  return {
    version: Number(version),
    content: content ?? '',
    isDelete: kind === 'delete',
    isLate: late !== undefined,
  }
}

function compare(a: Message, b: Message): number {
  return (
    a.version - b.version ||
    Number(a.isDelete) - Number(b.isDelete) ||
    Number(a.content > b.content) - Number(a.content < b.content)
  )
}
