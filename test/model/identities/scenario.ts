/** What is published, and what may happen. */
export interface Scenario {
  /**
   * `m a+1 b+2`: a message of identity m with two records, 1 for key a and 2 for key b. `request r a+1`: one of request r.
   * `day 1: m a+1`: published on that day, not on day 0. A second message of one identity repeats the first.
   */
  readonly messages: readonly string[]
  /** Midnight passes so many times at most. */
  readonly midnights?: number
  /** A message may be refused at any delivery, and a dead letter redriven once. */
  readonly redrives?: boolean
  /** The horizon is raised by a day, once, at any moment. */
  readonly raised?: boolean
}

/** Days for which deliveries are taken. */
export const horizon = 1
/** Days within which a client repeats a request. */
export const window = 1

export const limits = { messages: 8, records: 8, contents: 6, identities: 6 } as const

/** A message of the broker. */
export interface Message {
  readonly name: string
  readonly isRequest: boolean
  /** On which it was published; of a redriven one, the message that it repeats was. */
  readonly day: number
  /** On which the first message of its identity was published. */
  readonly identityDay: number
  readonly records: readonly number[]
  /** The number of the message that this one redrives. */
  readonly original?: number
}

/** A record of a message of the broker. */
export interface Record {
  readonly message: number
  readonly index: number
  readonly key: string
  /** The number of what counts once. */
  readonly identity: number
  /** The number of its identity together with its key and value. */
  readonly content: number
}

export interface Content {
  readonly name: string
  readonly identity: number
  readonly key: string
  readonly value: number
}

/** A scenario in numbers. */
export interface Story extends Scenario {
  readonly messages: readonly string[]
  /** Those of the scenario, and for each of these one that redrives it. */
  readonly published: readonly Message[]
  /** Of the scenario. */
  readonly originals: number
  readonly records: readonly Record[]
  readonly contents: readonly Content[]
  /** What is said of an identity: the message's, or the request's, and the record's index. */
  readonly identities: readonly { readonly name: string; readonly index: number }[]
}

interface Parsed {
  readonly text: string
  readonly day: number
  readonly isRequest: boolean
  readonly identity: string
  readonly records: readonly { readonly key: string; readonly value: number }[]
}

export function storyOf(scenario: Scenario): Story {
  const parsed = scenario.messages.map(parse)
  const contents: Content[] = []
  const identities: { name: string; index: number }[] = []
  const records: Record[] = []
  const published: Message[] = []

  const publish = (message: Parsed, name: string, original?: number) => {
    const identityDay = parsed.find(({ identity }) => identity === message.identity)?.day ?? message.day
    const first = records.length
    for (const [index, { key, value }] of message.records.entries()) {
      const identity = placeIn(identities, { name: message.identity, index })
      const content = placeIn(contents, {
        name: `${message.identity}.${index}`,
        identity,
        key,
        value,
      })
      records.push({ message: published.length, index, key, identity, content })
    }
    published.push({
      name,
      isRequest: message.isRequest,
      day: message.day,
      identityDay,
      records: message.records.map((_, i) => first + i),
      ...(original === undefined ? {} : { original }),
    })
  }

  for (const [i, message] of parsed.entries()) publish(message, nameOf(parsed, i))
  if (scenario.redrives === true)
    for (const [i, message] of parsed.entries()) publish(message, `${nameOf(parsed, i)} (redriven)`, i)
  const story = { ...scenario, published, originals: parsed.length, records, contents, identities }
  if (
    published.length > limits.messages ||
    records.length > limits.records ||
    contents.length > limits.contents
  )
    throw new Error(`more than a state holds: ${messagesText(scenario)}`)
  return story
}

/** As a table has it. */
export function messagesText({ messages }: Scenario): string {
  return messages.join(', ')
}

/** What may happen, as a table has it. */
export function worldText({ midnights = 0, redrives, raised }: Scenario): string {
  const words = [
    'everything',
    midnights > 0 && `${midnights} midnight${midnights === 1 ? '' : 's'}`,
    redrives === true && 'redrives',
    raised === true && 'the horizon is raised',
  ]
  return words.filter((word) => word !== false).join(', ')
}

/** `a+1 b+2`, of a set of contents. */
export function effectsText({ contents }: Story, set: number): string {
  const texts = contents.flatMap(({ key, value }, i) => (set & (1 << i) ? [`${key}+${value}`] : []))
  return texts.join(' ') || 'no sum'
}

function nameOf(parsed: readonly Parsed[], at: number): string {
  const text = (parsed[at] as Parsed).text
  return parsed.findIndex((other) => other.text === text) < at ? `${text} (again)` : text
}

function placeIn<T>(list: T[], one: T): number {
  const text = JSON.stringify(one)
  const found = list.findIndex((other) => JSON.stringify(other) === text)
  return found >= 0 ? found : list.push(one) - 1
}

function parse(text: string): Parsed {
  const [, day, request, identity, records] =
    /^(?:day (\d): )?(request )?(\w+)((?: \w\+\d)+)$/.exec(text) ?? []
  if (identity === undefined || records === undefined) throw new Error(`not a message: ${text}`)
  return {
    text: text.replace(/^day \d: /, ''),
    day: Number(day ?? 0),
    isRequest: request !== undefined,
    identity,
    records: records
      .trim()
      .split(' ')
      .map((record) => ({ key: record[0] as string, value: Number(record.slice(2)) })),
  }
}
