import { decoderError } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import { messageOf } from '#core/error-message.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Enriched, Enricher, Question } from '#core/enricher.ts'
import type { Ignored } from '#core/ignored.ts'
import { isIgnored } from '#core/ignored.ts'
import type { Observer } from '#core/observer.ts'
import type { DecodeLimits, Rules } from '#core/pipeline.ts'
import type { Rejection } from '#core/rejection.ts'
import { isRejection } from '#core/rejection.ts'
import type { Clock } from '#runtime/clock.ts'
import type { DueDeadLetter } from './dead-letter-queue.ts'
import type { Arrival } from './entry.ts'
import { Ignoring } from './ignoring.ts'
import type { Lane } from './lane.ts'
import type { Growth } from './growth.ts'
import type { Ledger } from './ledger.ts'
import { hashOfKey } from './line.ts'
import type { Several } from './several.ts'
import { isSeveral, rejectionAmong } from './several.ts'

export interface IntakePorts {
  readonly rules: Rules
  readonly limits: DecodeLimits
  readonly ledger: Ledger
  readonly growth: Growth
  readonly observer: Observer
  readonly clock: Clock
  readonly laneOf: (hashOfKey: number) => Lane
  readonly deadLetter: (deadLetter: DueDeadLetter) => void
}

/** A row on its way to its lane, by way of the enricher where there is one. */
interface Incoming extends Question {
  /** Its place among the rows of its message. */
  readonly index: number
}

/** What deliveries that came together bring. */
interface Taken {
  readonly nowMs: number
  readonly touched: Set<Lane>
  readonly questions: Incoming[]
  readonly ignoring: Ignoring
}

/** What happens to deliveries before they stand in a lane: decode, split, enrich, ignore, or dead-letter. */
export class Intake {
  readonly #ports: IntakePorts
  readonly #declared: ReadonlySet<string>

  /** Received, and not yet decoded: what is decoded already takes all the room there is. */
  #waiting: Delivery[] = []

  constructor(ports: IntakePorts) {
    this.#ports = ports
    // Not in the midst of what settles: that may be a lane.
    ports.ledger.onRoom = () => queueMicrotask(() => this.#goOn())
    this.#declared = new Set(ports.rules.ignoreRules)
  }

  /** Takes in what the ledger has received. */
  receive(deliveries: readonly Delivery[]): void {
    const { rules, limits, deadLetter, clock, growth } = this.#ports
    // They came together, so the clock is read once.
    const nowMs = clock.now()
    const touched = new Set<Lane>()
    const questions: Incoming[] = []
    const taken: Taken = { nowMs, touched, questions, ignoring: this.#newIgnoring() }
    for (const delivery of deliveries) {
      // In the order in which they came.
      if (growth.isFull || this.#waiting.length > 0) {
        this.#waiting.push(delivery)
        continue
      }
      try {
        const decoded = rules.decode(delivery, limits)
        if (isSeveral(decoded)) this.#receiveSeveral(delivery, decoded, taken)
        else if (isRejection(decoded)) deadLetter(deadLetterOf(delivery, decoded))
        else if (isIgnored(decoded)) ignore(taken.ignoring, delivery, decoded)
        else if (rules.enricher) questions.push({ row: decoded, delivery, index: 0 })
        else touched.add(this.#addOne(rules.merge.recordOf(decoded, delivery, 0), delivery, nowMs))
      } catch (error) {
        // Before anything of it was taken in: it would fail in the same way each time, and hold nothing up meanwhile.
        deadLetter({ delivery, reason: decoderError, detail: messageOf(error) })
      }
    }
    taken.ignoring.end()
    for (const lane of touched) lane.poke()
    if (rules.enricher && questions.length > 0) this.#enrich(rules.enricher, questions)
  }

  #goOn(): void {
    const { ledger } = this.#ports
    const waiting = this.#waiting
    this.#waiting = []
    // After a forced shutdown they belong to someone else.
    this.receive(waiting.filter((delivery) => ledger.isOpen({ delivery })))
  }

  /** A message that is one record. */
  #addOne(record: KeyedRecord, delivery: Delivery, nowMs: number): Lane {
    this.#ports.growth.one(delivery, record)
    return this.#add({ record, delivery }, nowMs)
  }

  /** The message's rows, each on its own way, and one dead letter for all that were rejected. */
  #receiveSeveral(
    delivery: Delivery,
    several: Several<unknown>,
    { nowMs, touched, questions, ignoring }: Taken,
  ): void {
    const { rules, ledger, deadLetter, growth } = this.#ports
    const rows: Incoming[] = []
    several.forEach((row, index) => {
      if (!isRejection(row) && !isIgnored(row)) rows.push({ row, delivery, index })
    })
    const arrivals = rules.enricher ? [] : rows.map((one) => this.#arrivalOf(one, one.row))
    growth.several(
      delivery,
      arrivals.map(({ record }) => record),
    )
    const rejection = rejectionAmong(several)
    const deadLetters = rejection ? [deadLetterOf(delivery, rejection)] : []
    const parts = [...(rules.enricher ? rows : arrivals), ...deadLetters]
    if (several.length === 0) ignoring.countEmpty()
    for (const row of several) if (isIgnored(row)) ignoring.count(row.rule)
    // Beside other records what is ignored decides nothing of the delivery.
    if (parts.length === 0) return ignoring.settle({ delivery })
    if (parts.length > 1) ledger.split(delivery, parts)
    if (rules.enricher) for (const row of rows) questions.push(row)
    for (const arrival of arrivals) touched.add(this.#add(arrival, nowMs))
    for (const one of deadLetters) deadLetter(one)
  }

  #enrich(enricher: Enricher, questions: readonly Incoming[]): void {
    enricher.enrich(questions, (at, enriched) => {
      const question = questions[at]
      // After a forced shutdown the message belongs to someone else.
      if (question && this.#ports.ledger.isOpen(question)) this.#answered(question, enriched)
    })
  }

  #answered(question: Incoming, enriched: Enriched): void {
    const { ledger, deadLetter } = this.#ports
    if ('ignore' in enriched) return this.#ignoreAnswered(question, enriched.ignore)
    if ('reject' in enriched)
      return deadLetter({ ...deadLetterOf(question.delivery, enriched.reject), settles: question })
    try {
      const arrival = this.#arrivalOf(question, enriched.row)
      ledger.replace(question, arrival)
      this.#add(arrival).poke()
    } catch (error) {
      deadLetter({
        delivery: question.delivery,
        reason: decoderError,
        detail: messageOf(error),
        settles: question,
      })
    }
  }

  #ignoreAnswered(question: Incoming, rule: string): void {
    const ignoring = this.#newIgnoring()
    ignoring.count(rule)
    ignoring.settle(question)
    ignoring.end()
  }

  #newIgnoring(): Ignoring {
    return new Ignoring({ ...this.#ports, declared: this.#declared })
  }

  #arrivalOf({ delivery, index }: Incoming, row: unknown): Arrival {
    return { record: this.#ports.rules.merge.recordOf(row, delivery, index), delivery }
  }

  /** Into its key's lane. */
  #add(arrival: Arrival, nowMs = this.#ports.clock.now()): Lane {
    const hash = hashOfKey(arrival.record.key)
    const lane = this.#ports.laneOf(hash)
    lane.add(arrival, hash, nowMs)
    return lane
  }
}

function ignore(ignoring: Ignoring, delivery: Delivery, { rule }: Ignored): void {
  ignoring.count(rule)
  ignoring.settle({ delivery })
}

function deadLetterOf(delivery: Delivery, { reason, detail }: Rejection): DueDeadLetter {
  return { delivery, reason, detail }
}
