import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Stored } from '#core/sink.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Effect, Facts, Horizons } from '../oracle/counted.ts'
import { CountHistory } from '../oracle/counted.ts'
import type { Counts } from '../oracle/counts.ts'
import { countBreaches, sumOf } from '../oracle/counts.ts'
import type { Ack } from '../simulated/servers/broker.ts'
import type { AppliedValues, StoredDeadLetter } from '../simulated/servers/postgres-tables.ts'
import type { SimulatedPostgres } from '../simulated/servers/postgres.ts'
import type { Story } from '../simulated/servers/story.ts'
import type { PublishedAs } from './identities.ts'
import type { Referee } from './referee.ts'
import type { PlannedMessage, Workload } from './workload.ts'

/** What was in the tables before they lost commits. */
interface Loss extends Facts {
  readonly noticedMs: number
}

export interface CountedEnvironment {
  readonly workload: Workload
  readonly postgres: SimulatedPostgres
  readonly story: Story
  readonly clock: Clock
  readonly horizons: Horizons
}

/** Of a table whose records count once each. */
export class CountJudge implements Referee {
  readonly #workload: Workload
  readonly #postgres: SimulatedPostgres
  readonly #story: Story
  readonly #clock: Clock
  readonly #history: CountHistory
  readonly #accepted: string[] = []
  readonly #losses: Loss[] = []

  constructor({ workload, postgres, story, clock, horizons }: CountedEnvironment) {
    this.#workload = workload
    this.#postgres = postgres
    this.#story = story
    this.#clock = clock
    this.#history = new CountHistory(horizons, workload.pipeline.sink.mode === 'sum')
  }

  published(id: string, message: PlannedMessage, as: PublishedAs): void {
    const meanings = message.map((record) => this.#workload.meaningOf(record))
    this.#accepted.push(id)
    this.#history.accepted({
      id,
      identity: as.identity ?? `message ${id}`,
      publishedMs: as.publishedMs ?? this.#clock.unixMs(),
      meanings: as.isUnreadable ? message.map(() => ({ invalid: 'bad-identity' })) : meanings,
      data: this.#workload.textOf(message),
    })
  }

  placed(): void {}

  removed(): void {
    this.#breach('counted', ['a row was removed'])
  }

  counted(records: readonly AppliedValues[], by: string, beganMs: number): void {
    this.#story.count('counted', records.length)
    this.#breach('counted', this.#history.counted(records.map(effectOf), by, beganMs))
  }

  deadLettered({ messageId, reason, data }: StoredDeadLetter): void {
    this.#story.count(`dead letter: ${reason}`)
    const deadLetter = { id: messageId, reason, data }
    const lost = this.#losses.map(({ counted }) => counted)
    this.#breach('dead letters', this.#history.deadLettered(deadLetter, this.#clock.unixMs(), lost))
  }

  answered(by: string, records: readonly KeyedRecord[], stored: Stored): void {
    const { duplicates = [], refused = [] } = stored
    const { columns } = this.#workload.pipeline.sink
    const effectAt = (at: number) => effectOf(columns.map((column) => String(column.of(records[at]?.row))))
    const others = new Set([...duplicates, ...refused.map(({ at }) => at)])
    const written = [...records.keys()].filter((at) => !others.has(at))
    if (stored.written !== written.length)
      this.#breach('counts', [
        `${by} was told of ${stored.written} written records, and of which ${written.length} are`,
      ])
    this.#breach('counts', this.#history.answered(by, written.map(effectAt), duplicates.map(effectAt)))
  }

  beforeAck({ messageId, deliveredAtMs, from }: Ack): void {
    const excuses = this.#losses.filter(({ noticedMs }) => deliveredAtMs <= noticedMs)
    this.#breach(
      'acks',
      this.#history
        .ackBreaches(messageId, [this.#facts, ...excuses], this.#clock.unixMs())
        .map((breach) => `${breach} (by ${from})`),
    )
  }

  get #facts(): Facts {
    return { counted: this.#history.snapshot(), deadLetterIds: this.#postgres.deadLetterIds }
  }

  losing(atMs: number): void {
    this.#losses.push({ noticedMs: atMs, ...this.#facts })
  }

  lost(): void {
    this.#history.lost(this.#postgres.effects.map(effectOf))
  }

  checkWatermarks(): void {}

  checkCounts(replicas: readonly { readonly name: string; readonly counts: Counts }[]): void {
    const total = { name: 'all replicas', counts: sumOf(replicas.map(({ counts }) => counts)) }
    for (const { name, counts } of [...replicas, total]) this.#breach('counts', countBreaches(name, counts))
    for (const { name, counts } of replicas) {
      const claims = this.#history.claimsOf(name)
      if (counts.written > claims)
        this.#breach('counts', [`${name} counts ${counts.written} written, and has counted ${claims}`])
    }
  }

  checkEnding(ackedIds: ReadonlySet<string>, settlingMs: number): void {
    const { rows } = this.#postgres
    const unacked = this.#accepted.filter((id) => !ackedIds.has(id))
    this.#breach(
      'settling',
      unacked.map((id) => `message ${id} is not acked ${settlingMs / 1000} s after the last fault`),
    )
    const now = this.#clock.unixMs()
    this.#breach(
      'counted',
      this.#accepted.flatMap((id) => this.#history.ackBreaches(id, [this.#facts], now)),
    )
    this.#breach(
      'table',
      this.#history.tableBreaches([...rows.values()].map(({ values }) => effectOf(values))),
    )
  }

  #breach(promise: Parameters<Story['breach']>[0], seen: readonly string[]): void {
    for (const one of seen) this.#story.breach(promise, one)
  }
}

/** Its key and its number, in the order of the columns. */
function effectOf([key, content]: AppliedValues): Effect {
  return { key: String(key), content: String(content) }
}
