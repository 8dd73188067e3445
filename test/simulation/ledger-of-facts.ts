import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Delivery } from '#core/delivery.ts'
import { isRejection } from '#core/pipeline.ts'
import { epochValidMs } from '#postgres/epoch-watch.ts'
import { Keyspace, markOf } from '#redis/encoding.ts'
import { ackBreach } from '../oracle/acks.ts'
import type { AcceptedMessage, RowVersion } from '../oracle/facts.ts'
import { watermarkBreaches } from '../oracle/watermarks.ts'
import type { Ack } from './simulated-broker.ts'
import type { SimulatedPostgres } from './simulated-postgres.ts'
import type { PlannedMessage, Subject } from './subject.ts'

/** What a record is called in the cache, for a message that makes one. */
interface Marked {
  readonly record: KeyedRecord
  readonly mark: string
  readonly row: RowVersion
}

/** Everything that the broker has accepted, and the judgement of what is claimed about it while the schedule runs. */
export class LedgerOfFacts {
  readonly accepted = new Map<string, AcceptedMessage>()
  readonly #subject: Subject
  readonly #server: SimulatedPostgres
  /** Tables that have lost rows, as they were, and when everyone must have noticed it. */
  readonly #gone: { readonly noticedMs: number; readonly rows: ReadonlyMap<string, RowVersion> }[] = []
  readonly #marked: Marked[] = []
  #keyspace: Keyspace | undefined

  constructor(subject: Subject, server: SimulatedPostgres) {
    this.#subject = subject
    this.#server = server
  }

  publish(id: string, message: PlannedMessage): void {
    const meaning = this.#subject.meaningOf(message)
    this.accepted.set(id, { id, meaning })
    if (!('row' in meaning)) return
    const data = Buffer.from(this.#subject.textOf(message))
    const limits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }
    const record = this.#subject.pipeline.decode({ data, publishTimeMs: 0 } as Delivery, limits)
    if (!isRejection(record)) this.#marked.push({ record, mark: markOf(record), row: meaning.row })
  }

  /** To be called before the table loses rows. Who is connected meanwhile may notice only when the epoch is too old. */
  losing(atMs: number, cutsOff: boolean): void {
    const noticedMs = cutsOff ? atMs : atMs + epochValidMs
    this.#gone.push({ noticedMs, rows: new Map(this.#server.rows) })
  }

  /**
   * Whether an ack is justified. What was handed out before everyone must have noticed that rows are gone may
   * be judged by the table as it was: that is documented, and why a replay has to come later.
   */
  ackBreach({ messageId, deliveredAtMs }: Ack): string | undefined {
    const message = this.accepted.get(messageId)
    if (!message) return `message ${messageId}, which nobody published, was acked`
    const hasLetter = this.#server.letters.has(messageId)
    const key = 'row' in message.meaning ? message.meaning.row.key : ''
    const breach = ackBreach(message, { row: this.#server.rows.get(key), hasLetter })
    if (breach === undefined) return undefined
    const excused = this.#gone.some(
      ({ noticedMs, rows }) =>
        deliveredAtMs <= noticedMs && ackBreach(message, { row: rows.get(key), hasLetter }) === undefined,
    )
    return excused ? undefined : breach
  }

  /** A watermark was raised. One that belongs to a table that is gone says nothing about this one. */
  watermarkBreaches(name: string, mark: string): string[] {
    const epoch = `epoch ${this.#server.epoch}`
    if (this.#keyspace?.epoch !== epoch) this.#keyspace = new Keyspace(this.#subject.pipeline, epoch)
    const keyspace = this.#keyspace
    const meant = this.#marked.filter((one) => one.mark === mark && keyspace.watermark(one.record) === name)
    const breaches = meant.map(({ row }) => watermarkBreaches([row], (key) => this.#server.rows.get(key)))
    return breaches.every((one) => one.length > 0) ? breaches.flat() : []
  }
}
