import type { Meaning, StoredDeadLetter } from './facts.ts'
import { refusedByDatabase } from './facts.ts'

/** A message each record of which is to count once, as its publisher means it. */
export interface CountedMessage {
  readonly id: string
  /** The same of all messages of which one counts. */
  readonly identity: string
  /** By which it is too old some day, in Unix ms. */
  readonly publishedMs: number
  /** The content of a row is a number that no record of another identity has. */
  readonly meanings: readonly Meaning[]
  readonly data: string
}

/** A record that has counted: its key, and its number. */
export interface Effect {
  readonly key: string
  readonly content: string
}

/** What is committed at one moment. */
export interface Facts {
  /** By identity and place in the message. */
  readonly counted: ReadonlyMap<string, Effect>
  readonly deadLetterIds: ReadonlySet<string>
}

/** For how long identities are known at least, and at most, where processes differ. */
export interface Horizons {
  readonly shortestMs: number
  readonly longestMs: number
}

/** By whom a record was counted, each time that it was: a failover may lose it. */
interface Entry {
  readonly by: string
  /** A process has been told. */
  isClaimed: boolean
}

const greatest = 2n ** 63n - 1n
/** A transaction's `now()` may be so old when it commits. */
const longestTransactionMs = 20_000

/**
 * What has counted, held to what was published: each identity once, however often it is published, with the values of one
 * of its messages; and no ack without that.
 */
export class CountHistory {
  readonly #horizons: Horizons
  /** In sums that are stored a value may have no room. */
  readonly #isSum: boolean
  readonly #messages = new Map<string, CountedMessage>()
  /** By key and number: under which identity, and in which messages. */
  readonly #published = new Map<string, { readonly group: string; readonly messages: CountedMessage[] }>()
  /** By identity and place: the number that has counted. */
  #counted = new Map<string, Effect>()
  readonly #entries = new Map<string, Entry[]>()
  readonly #sums = new Map<string, bigint>()
  readonly #peaks = new Map<string, { least: bigint; most: bigint }>()

  constructor(horizons: Horizons, isSum: boolean) {
    this.#horizons = horizons
    this.#isSum = isSum
  }

  accepted(message: CountedMessage): void {
    this.#messages.set(message.id, message)
    for (const [at, meaning] of message.meanings.entries()) {
      if (!('row' in meaning)) continue
      const name = nameOf(meaning.row)
      const known = this.#published.get(name) ?? { group: groupOf(message, at), messages: [] }
      known.messages.push(message)
      this.#published.set(name, known)
    }
  }

  /** Records have counted, by one commit. */
  counted(effects: readonly Effect[], by: string, atMs: number): string[] {
    return effects.flatMap((effect) => {
      const name = nameOf(effect)
      const published = this.#published.get(name)
      if (!published) return [`${name} has counted, which was never published`]
      const { group, messages } = published
      const before = this.#counted.get(group)
      this.#counted.set(group, effect)
      this.#entries.set(group, [...(this.#entries.get(group) ?? []), { by, isClaimed: false }])
      this.#add(effect)
      if (before) return [`${group} has counted as ${nameOf(before)}, and again as ${name} (by ${by})`]
      const knownSinceMs = atMs - this.#horizons.longestMs - longestTransactionMs
      if (messages.some(({ publishedMs }) => publishedMs >= knownSinceMs)) return []
      return [`${group} has counted (by ${by}), although it is forgotten whether it had before`]
    })
  }

  /** Commits were lost; these are left, in order. */
  lost(left: readonly Effect[]): void {
    this.#counted = new Map()
    this.#sums.clear()
    for (const effect of left) {
      this.#counted.set(this.#published.get(nameOf(effect))?.group ?? '', effect)
      this.#add(effect)
    }
  }

  /** What has counted so far, for {@link ackBreaches} later. */
  snapshot(): ReadonlyMap<string, Effect> {
    return new Map(this.#counted)
  }

  /**
   * Whether each record of a message has counted, or has a reason for its message's dead letter.
   *
   * @param known the facts as they are, and as they were before some were lost: each record goes by any of them
   */
  ackBreaches(id: string, known: readonly Facts[], atMs: number): string[] {
    const message = this.#messages.get(id)
    if (!message) return [`message ${id}, which was never published, was acked`]
    return message.meanings.flatMap((_, at) => this.#recordBreach(message, at, known, atMs) ?? [])
  }

  #recordBreach(
    message: CountedMessage,
    at: number,
    known: readonly Facts[],
    atMs: number,
  ): string | undefined {
    const meaning = message.meanings[at] as Meaning
    const content = 'row' in meaning ? meaning.row.content : undefined
    if (known.some(({ counted }) => counted.get(groupOf(message, at))?.content === (content ?? '')))
      return undefined
    const what = `record ${at} (${'row' in meaning ? nameOf(meaning.row) : meaning.invalid}) of message ${message.id}`
    const isDeadLetter = known.some(({ deadLetterIds }) => deadLetterIds.has(message.id))
    if (!isDeadLetter) return `${what} was acked, and has not counted`
    const hasReason = known.some(({ counted }) => this.#reasonsOf(message, at, atMs, counted).length > 0)
    return hasReason ? undefined : `${what} has not counted, and its dead letter is for another`
  }

  /**
   * A dead letter is stored.
   *
   * @param lost what had counted before it was lost: the reason may be of then
   */
  deadLettered(
    { id, reason, data }: StoredDeadLetter,
    atMs: number,
    lost: readonly ReadonlyMap<string, Effect>[] = [],
  ): string[] {
    const message = this.#messages.get(id)
    if (!message) return [`there is a dead letter of message ${id}, which was never published`]
    const due = [this.#counted, ...lost].flatMap((counted) =>
      message.meanings.flatMap((_, at) => this.#reasonsOf(message, at, atMs, counted)),
    )
    return [
      ...(data === message.data ? [] : [`the dead letter of ${id} has ${data}, not ${message.data}`]),
      ...(due.includes(reason)
        ? []
        : [`message ${id} was dead-lettered as ${reason}, and is ${due.join(' or ') || 'valid'}`]),
    ]
  }

  /** A process was told that it has counted these, and that those had counted before. */
  answered(by: string, written: readonly Effect[], duplicates: readonly Effect[]): string[] {
    const entriesOf = (effect: Effect) =>
      this.#entries.get(this.#published.get(nameOf(effect))?.group ?? '') ?? []
    const unfounded = written.flatMap((effect) => {
      const entry = entriesOf(effect).find((one) => one.by === by && !one.isClaimed)
      if (entry) entry.isClaimed = true
      return entry ? [] : [`${by} was told that it has counted ${nameOf(effect)}, and has not`]
    })
    const unknown = duplicates.filter((effect) => entriesOf(effect).length === 0)
    return [
      ...unfounded,
      ...unknown.map((effect) => `${by} was told that ${nameOf(effect)} had counted before, and nothing has`),
    ]
  }

  /** Times that this process was told that it has counted a record. */
  claimsOf(by: string): number {
    const entries = [...this.#entries.values()].flat()
    return entries.filter((entry) => entry.by === by && entry.isClaimed).length
  }

  /** @param rows of the table: key and number, which is a sum or a row's own */
  tableBreaches(rows: readonly Effect[]): string[] {
    const expected = this.#isSum
      ? [...this.#sums].map(([key, sum]) => nameOf({ key, content: String(sum) }))
      : [...this.#counted.values()].map(nameOf)
    const found = rows.map(nameOf).sort()
    const wanted = expected.sort()
    return found.join() === wanted.join()
      ? []
      : [`the table has ${found.join(', ')}; what has counted makes ${wanted.join(', ')}`]
  }

  #add({ key, content }: Effect): void {
    const sum = (this.#sums.get(key) ?? 0n) + BigInt(content)
    const { least, most } = this.#peaks.get(key) ?? { least: 0n, most: 0n }
    this.#sums.set(key, sum)
    this.#peaks.set(key, { least: sum < least ? sum : least, most: sum > most ? sum : most })
  }

  /** For which a record may have a dead letter. */
  #reasonsOf(
    message: CountedMessage,
    at: number,
    atMs: number,
    counted: ReadonlyMap<string, Effect>,
  ): string[] {
    const meaning = message.meanings[at]
    if (!meaning) return []
    if ('invalid' in meaning) return [meaning.invalid]
    const { row, refused = false } = meaning
    const effect = counted.get(groupOf(message, at))
    return [
      ...(refused || this.#hasNoRoom(row) ? [refusedByDatabase] : []),
      ...(message.publishedMs < atMs - this.#horizons.shortestMs ? ['too-old'] : []),
      ...(effect && effect.content !== row.content ? ['identity-reused'] : []),
    ]
  }

  /** At some time its key's sum was such that it did not fit. */
  #hasNoRoom({ key, content }: Effect): boolean {
    const { least, most } = this.#peaks.get(key) ?? { least: 0n, most: 0n }
    return this.#isSum && (most + BigInt(content) > greatest || least + BigInt(content) < -greatest - 1n)
  }
}

function nameOf({ key, content }: Effect): string {
  return `${key} ${content}`
}

function groupOf({ identity }: CountedMessage, at: number): string {
  return `${identity}, record ${at}`
}
