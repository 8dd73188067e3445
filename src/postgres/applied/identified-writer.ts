import { hash } from 'node:crypto'
import type pg from 'pg'
import { tooOld } from '#core/dead-letter.ts'
import type { KeyedRecord, RecordIdentity } from '#core/keyed-record.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { LockWait, RefusedRecord, Sink, Stored } from '#core/sink.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { arrayLiteral } from '../array-literal.ts'
import type { Connections } from '../connection-pool.ts'
import { TableExamination, discarded, needsLook } from '../examination.ts'
import { tableIdentifier } from '../identifier.ts'
import type { LockWaits } from '../lock-wait.ts'
import { lockWaits, orLockedTable } from '../lock-wait.ts'
import { LockedRows } from '../locked-rows.ts'
import { neededSink } from '../needed-tables.ts'
import { orRefusedValue } from '../refused-value.ts'
import { runOn } from '../session.ts'
import { runStatement, runTransaction } from '../statement.ts'
import { statementName } from '../upsert.ts'
import { keepAppliedDays } from './applied-days.ts'
import { AppliedTables } from './applied-tables.ts'
import type { TableEffect } from './effects.ts'
import { appendEffect, sumEffect } from './effects.ts'
import { identitiesSql } from './identities-sql.ts'
import { identityValues } from './identity-values.ts'
import { RetakenRows } from './retaken-rows.ts'
import { reusedIdentities } from './reused-identities.ts'
import { Room, outOfRange } from './room.ts'

export interface AppliedOptions {
  /** Whose records they are. */
  readonly pipeline: string
  /** Records of messages that were published longer ago are refused: whether they have counted is forgotten. */
  readonly horizonMs: number
}

interface Answer {
  readonly placed: number
  readonly expected: number
  readonly ready: boolean
  /** Null where it is the one that was examined. */
  readonly sink: string | null
  readonly messages: string | null
  readonly requests: string | null
  readonly since: Date | null
  readonly late: readonly number[]
  readonly duplicates: readonly number[]
}

/**
 * Writes records that count once each: a sum grows by it, or a log has its row, however often its message is delivered. One
 * statement a batch enters the identities and does what the new ones are to do; what was there before is a duplicate.
 */
export class IdentifiedWriter<R = unknown> implements Sink<R> {
  readonly #pool: Connections
  readonly #table: PostgresTable<R>
  readonly #options: AppliedOptions
  readonly #waits: LockWaits
  readonly #examination: TableExamination
  readonly #applied: AppliedTables
  readonly #effect: TableEffect<R>
  readonly #text: string
  readonly #name: string
  readonly #retaken: RetakenRows<R>
  readonly #room: Room<R>
  /** Of rows that are updated. */
  readonly locked?: (records: readonly KeyedRecord<R>[]) => Promise<readonly KeyedRecord<R>[]>

  constructor(pool: Connections, table: PostgresTable<R>, options: AppliedOptions, waits = lockWaits) {
    this.#pool = pool
    this.#table = table
    this.#options = options
    this.#waits = waits
    this.#examination = new TableExamination(pool, neededSink(table))
    this.#applied = new AppliedTables(pool)
    this.#effect = table.mode === 'sum' ? sumEffect(table) : appendEffect(table, digestOf)
    this.#text = identitiesSql({ sink: this.#examination.sql, ...this.#applied.sql }, this.#effect)
    this.#name = statementName(table.mode ?? 'append', this.#text)
    this.#retaken = new RetakenRows(pool, table, waits)
    this.#room = new Room(pool, table, options.pipeline)
    if (table.mode === 'sum') {
      const rows = new LockedRows(pool, table)
      this.locked = (records) => rows.among(records)
    }
  }

  async write(records: readonly KeyedRecord<R>[], wait: LockWait = 'usual'): Promise<Stored> {
    try {
      return await this.#write(records, wait)
    } catch (failure) {
      const refused = await this.#withoutRoom(records, failure)
      if (refused.length === 0) throw failure
      return await this.#writeBeside(refused, records, wait)
    }
  }

  async #write(records: readonly KeyedRecord<R>[], wait: LockWait): Promise<Stored> {
    try {
      const answer = await this.#examination.again(() => this.#attempt(records, this.#waits[wait]))
      return await this.#stored(records, answer)
    } catch (failure) {
      const [record, ...others] = records
      const blamed =
        record && others.length === 0
          ? await orRefusedValue(failure, this.#pool, this.#table, record.row)
          : failure
      const absent = await this.#applied.orAbsent(blamed, this.#pool)
      throw await orLockedTable(absent, this.#pool, this.#table.name)
    }
  }

  async #withoutRoom(records: readonly KeyedRecord<R>[], failure: unknown): Promise<RefusedRecord[]> {
    const isSum = failure instanceof WriteFailure && failure.code === outOfRange && this.#table.mode === 'sum'
    return isSum ? this.#room.refused(records, this.#examination.shape) : []
  }

  /** Writes the others; what it answers is of all. */
  async #writeBeside(
    refused: readonly RefusedRecord[],
    records: readonly KeyedRecord<R>[],
    wait: LockWait,
  ): Promise<Stored> {
    const isRefused = new Set(refused.map(({ at }) => at))
    const places = [...records.keys()].filter((at) => !isRefused.has(at))
    if (places.length === 0) return { written: 0, refused }
    const place = (at: number) => places[at] as number
    const rest = await this.write(
      places.map((at) => records[at] as KeyedRecord<R>),
      wait,
    )
    return {
      written: rest.written,
      duplicates: (rest.duplicates ?? []).map(place),
      refused: [...refused, ...(rest.refused ?? []).map((one) => ({ ...one, at: place(one.at) }))],
    }
  }

  retake({ row }: KeyedRecord<R>): Promise<void> {
    return this.#retaken.retake(row)
  }

  rewriteExistingRow(): Promise<boolean> {
    return this.#retaken.rewriteExistingRow()
  }

  /** Undefined where it has written nothing, since a table is not the one that was examined, or a day is missing. */
  async #attempt(records: readonly KeyedRecord<R>[], wait: string): Promise<Answer | undefined> {
    const { shape } = this.#examination
    const answer = await (shape && needsLook(shape)
      ? this.#writeAndLook(records, wait)
      : this.#writeAtOnce(records, wait)
    ).catch((error: unknown) => {
      // The statement was planned before a day was attached that it then found in the catalog.
      if (!isMissingDay(error)) throw error
    })
    if (!answer) return undefined
    const isKnown = [
      this.#examination.isKnown(answer.sink),
      this.#applied.areKnown(answer.messages, answer.requests),
    ].every(Boolean)
    if (!isKnown) return undefined
    if (answer.ready) return answer
    await this.#makeDays(records)
    return undefined
  }

  async #writeAtOnce(records: readonly KeyedRecord<R>[], wait: string): Promise<Answer> {
    const { where } = this.#examination
    const statement = this.#statement(records, wait)
    const { rows } = await runStatement<Answer>(this.#pool, statement, where, this.#table.name)
    return rows[0] as Answer
  }

  /** A trigger or a rule may discard rows: so many must be there as there are effects, or nothing is committed. */
  async #writeAndLook(records: readonly KeyedRecord<R>[], wait: string): Promise<Answer> {
    const { where, shape } = this.#examination
    const write = async (client: pg.PoolClient) => {
      const { rows } = await runOn<Answer>(client, this.#statement(records, wait))
      // Those that are deferred would fire at the commit.
      await client.query('SET CONSTRAINTS ALL IMMEDIATE')
      const answer = rows[0] as Answer
      if (answer.placed < answer.expected && shape)
        throw discarded(where, tableIdentifier(this.#table.name), shape)
      return answer
    }
    return runTransaction(this.#pool, write, where, this.#table.name)
  }

  #statement(records: readonly KeyedRecord<R>[], wait: string): pg.QueryConfig {
    const { pipeline, horizonMs } = this.#options
    const shapes = [this.#examination.text, ...this.#applied.texts]
    const own = [...identityValues(records), pipeline, `${horizonMs} milliseconds`, wait, ...shapes]
    const values = [...own, ...this.#effect.valuesOf(records).map(arrayLiteral)]
    return { name: this.#name, text: this.#text, values }
  }

  /** @throws WriteFailure where a message is of a day that is not made */
  async #makeDays(records: readonly KeyedRecord<R>[]): Promise<void> {
    const { untilMs } = await keepAppliedDays(this.#pool, this.#options.horizonMs)
    if (untilMs === undefined)
      throw new WriteFailure(
        'schema-drift',
        "table applied_messages: today's partition is missing, and with it what has counted today; attach it again " +
          'or, if there was none, as its owner create it',
      )
    const newest = Math.max(...records.map(({ identity }) => identity?.of.publishTimeMs ?? 0))
    if (newest < untilMs) return
    const until = new Date(untilMs).toISOString()
    const when = new Date(newest).toISOString()
    throw new WriteFailure(
      'infrastructure',
      `table applied_messages: it has partitions until ${until}, and a message was published at ${when}; check the clock of the server`,
    )
  }

  async #stored(records: readonly KeyedRecord<R>[], answer: Answer): Promise<Stored> {
    const { late, duplicates } = answer
    const reused = await reusedIdentities(
      this.#pool,
      this.#options.pipeline,
      records,
      duplicates,
      this.#effect,
    )
    const refused = [
      ...late.map((at) => this.#tooOld(records[at] as KeyedRecord<R>, at, answer.since)),
      ...reused,
    ]
    const isReused = new Set(reused.map(({ at }) => at))
    return {
      written: records.length - late.length - duplicates.length,
      duplicates: duplicates.filter((at) => !isReused.has(at)),
      ...(refused.length > 0 ? { refused } : {}),
    }
  }

  #tooOld({ identity }: KeyedRecord<R>, at: number, since: Date | null): RefusedRecord {
    const { of } = identity as RecordIdentity
    const { horizonMs } = this.#options
    const known = since === null ? '' : `, and not of days before ${since.toISOString().slice(0, 10)}`
    const what =
      `it was published at ${new Date(of.publishTimeMs).toISOString()}; what has counted is known for ${horizonMs / 3_600_000} hours` +
      `${known}, so it is unknown whether this has`
    return { at, reason: tooOld, failure: new WriteFailure('bad-row', what) }
  }
}

function isMissingDay(error: unknown): boolean {
  return error instanceof WriteFailure && error.class === 'conflict' && error.code === '23514'
}

/** Of a record's values, cut to 132 bits: a publisher must not be able to make two that are the same. */
function digestOf({ content }: KeyedRecord): string {
  return hash('sha256', content, 'base64url').slice(0, 22)
}
