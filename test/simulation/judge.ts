import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { isRejection } from '#core/rejection.ts'
import { restOf } from '#core/pipeline.ts'
import { isSeveral } from '#ingest/several.ts'
import { Keyspace, watermarkValue } from '#redis/encoding.ts'
import { ackBreach } from '../oracle/acks.ts'
import type { Counts } from '../oracle/counts.ts'
import { countBreaches, sumOf } from '../oracle/counts.ts'
import { endingBreaches } from '../oracle/ending.ts'
import type { AcceptedMessage, RowVersion } from '../oracle/facts.ts'
import { isNewer } from '../oracle/order.ts'
import { RowHistory } from '../oracle/table.ts'
import { watermarkBreaches } from '../oracle/watermarks.ts'
import type { Ack } from '../simulated/servers/broker.ts'
import type { SimulatedPostgres } from '../simulated/servers/postgres.ts'
import type { SimulatedRedis } from '../simulated/servers/redis.ts'
import { isMark } from '../simulated/servers/redis.ts'
import type { Story } from '../simulated/servers/story.ts'
import type { Referee } from './referee.ts'
import type { PlannedMessage, Workload } from './workload.ts'

/** Everyone notices so soon that a table has lost rows. The ingester's promise, so not its own constant. */
export const noticedWithinMs = 10_000

/** What was in the tables before they lost rows, and when everyone must have noticed that. */
interface Loss {
  readonly noticedMs: number
  readonly rows: ReadonlyMap<string, RowVersion>
  readonly deletions: ReadonlyMap<string, RowVersion>
  readonly deadLetterIds: ReadonlySet<string>
}

/** Of a table that keeps the newest row of each key. */
export class Judge implements Referee {
  readonly accepted = new Map<string, AcceptedMessage>()
  readonly #workload: Workload
  readonly #postgres: SimulatedPostgres
  readonly #story: Story
  readonly #history = new RowHistory()
  readonly #losses: Loss[] = []
  #placed = 0
  /** Of each key, as it was placed last. */
  readonly #standing = new Map<string, RowVersion>()
  readonly #records: { readonly record: KeyedRecord; readonly row: RowVersion }[] = []
  /** By watermark and mark, in the epoch that it is now. */
  #meant: { readonly epoch: string; readonly rows: Map<string, Map<string, RowVersion>> } | undefined

  constructor(workload: Workload, postgres: SimulatedPostgres, story: Story) {
    this.#workload = workload
    this.#postgres = postgres
    this.#story = story
  }

  published(id: string, message: PlannedMessage): void {
    const { pipeline } = this.#workload
    const text = this.#workload.textOf(message)
    const meanings = message.map((record) => this.#workload.meaningOf(record))
    this.accepted.set(id, { id, meanings, data: text })
    const limits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }
    const delivery = { data: Buffer.from(text), publishTimeMs: 0 } as Delivery
    const decoded = pipeline.decode(delivery, limits)
    for (const [at, row] of (isSeveral(decoded) ? decoded : [decoded]).entries()) {
      const meaning = meanings[at]
      if (!meaning || !('row' in meaning) || isRejection(row)) continue
      this.#records.push({ record: pipeline.merge.recordOf(row, delivery, at), row: meaning.row })
    }
    this.#meant = undefined
  }

  counted(): void {
    this.#story.breach('counted', 'records are counted in a table of rows')
  }

  deadLettered(): void {}

  answered(): void {}

  placed(version: RowVersion): void {
    this.#placed += 1
    this.#countPlaced(version)
    const breach = this.#history.placed(version)
    if (breach !== undefined) this.#story.breach('versions', breach)
  }

  #countPlaced(version: RowVersion): void {
    if (version.gone) return this.#story.count('deletion: entered')
    if (this.#isTie(version, this.#standing.get(version.key))) this.#story.count('tie: won')
    this.#standing.set(version.key, version)
  }

  /** Where only the table can tell which of the two stays. */
  #isTie(one: RowVersion, other: RowVersion | undefined): boolean {
    const hasRest = restOf(this.#workload.pipeline.sink).length > 0
    return hasRest && other?.version === one.version && other.content !== one.content
  }

  removed(row: RowVersion): void {
    this.#story.count('deletion: removed a row')
    const breach = this.#history.removed(row)
    if (breach !== undefined) this.#story.breach('versions', breach)
  }

  /** To be called before tables lose rows. Who is connected meanwhile may notice only when the epoch is too old. */
  losing(atMs: number, cutsOff: boolean): void {
    this.#losses.push({
      noticedMs: cutsOff ? atMs : atMs + noticedWithinMs,
      rows: new Map(this.#postgres.rows),
      deletions: this.#postgres.deletions,
      deadLetterIds: this.#postgres.deadLetterIds,
    })
  }

  /** To be called when that has happened. */
  lost(): void {
    this.#history.forget(this.#postgres.deletions.values())
  }

  /**
   * Whether an ack is justified, asked before it is accepted. What was handed out before everyone must have noticed
   * that rows are gone may be judged by the tables as they were: that is documented, and why a replay has to come later.
   */
  beforeAck({ messageId, deliveredAtMs, from }: Ack): void {
    const message = this.accepted.get(messageId)
    if (!message)
      return this.#story.breach('acks', `message ${messageId}, which was never published, was acked`)
    const excuses = this.#losses.filter(({ noticedMs }) => deliveredAtMs <= noticedMs)
    for (const meaning of message.meanings) if ('row' in meaning) this.#countAcked(meaning.row)
    // Each record by itself: some may have been committed before a loss, and others after it.
    for (const meaning of message.meanings) {
      const breachIn = ({ rows, deletions, deadLetterIds }: Omit<Loss, 'noticedMs'>) =>
        ackBreach(
          { ...message, meanings: [meaning] },
          {
            rowOf: (key) => rows.get(key),
            deletionOf: (key) => deletions.get(key),
            hasDeadLetter: deadLetterIds.has(messageId),
          },
        )
      const breach = breachIn(this.#postgres)
      if (breach === undefined || excuses.some((loss) => breachIn(loss) === undefined)) continue
      this.#story.breach('acks', `${breach} (by ${from})`)
    }
  }

  #countAcked(version: RowVersion): void {
    if (version.gone) return
    const [row, deletion] = [this.#postgres.rows.get(version.key), this.#postgres.deletionOf(version.key)]
    if (this.#isTie(version, row)) this.#story.count('tie: lost')
    if (!deletion || !isNewer(deletion, version)) return
    this.#story.count('deletion: won over a row')
    if (deletion.version === version.version) this.#story.count('deletion: won over a row of its version')
  }

  /** Those of a table that is gone say nothing about this one. Foreign data is no watermark. */
  checkWatermarks(redis: SimulatedRedis, names: readonly string[] = redis.keys): void {
    for (const name of names) {
      const mark = redis.get(name)
      const marks = this.#rowsMeant().get(name)
      if (!marks || mark === undefined || !isMark(mark)) continue
      const row = marks.get(mark)
      if (!row) this.#story.breach('watermarks', `${name} has ${mark}, which no published message has`)
      for (const breach of row ? this.#watermarkBreaches(row) : []) {
        this.#story.breach('watermarks', breach)
      }
    }
  }

  checkCounts(replicas: readonly { readonly name: string; readonly counts: Counts }[]): void {
    const total = { name: 'all replicas', counts: sumOf(replicas.map(({ counts }) => counts)) }
    for (const { name, counts } of [...replicas, total]) {
      for (const breach of countBreaches(name, counts)) this.#story.breach('counts', breach)
    }
    const { written } = total.counts
    if (written > this.#placed)
      this.#story.breach('counts', `${written} written, but ${this.#placed} rows were`)
  }

  /** What must hold when the faults have stopped and `settlingMs` have passed. */
  checkEnding(ackedIds: ReadonlySet<string>, settlingMs: number): void {
    const { rows, deletions, deadLetters } = this.#postgres
    const found = endingBreaches({
      accepted: [...this.accepted.values()],
      rows,
      deletions,
      deadLetters: [...deadLetters.values()].map(({ messageId, reason, data }) => ({
        id: messageId,
        reason,
        data,
      })),
      ackedIds,
      settlingMs,
    })
    for (const { promise, seen } of found) this.#story.breach(promise, seen)
  }

  #watermarkBreaches(row: RowVersion): string[] {
    const postgres = this.#postgres
    return watermarkBreaches(
      [row],
      (key) => postgres.rows.get(key),
      (key) => postgres.deletionOf(key),
    )
  }

  #rowsMeant(): ReadonlyMap<string, ReadonlyMap<string, RowVersion>> {
    const epoch = `epoch ${this.#postgres.epoch}`
    if (this.#meant?.epoch !== epoch) {
      const keyspace = new Keyspace(this.#workload.pipeline, epoch)
      const rows = new Map<string, Map<string, RowVersion>>()
      for (const { record, row } of this.#records) {
        const name = keyspace.watermark(record)
        rows.set(name, (rows.get(name) ?? new Map<string, RowVersion>()).set(watermarkValue(record), row))
      }
      this.#meant = { epoch, rows }
    }
    return this.#meant.rows
  }
}
