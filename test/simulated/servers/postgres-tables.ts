import type { RowVersion } from '../../oracle/facts.ts'
import type { StoredRow } from './postgres-rows.ts'

export interface StoredDeadLetter {
  readonly messageId: string
  readonly publishTimeMs: number
  readonly attributes: Readonly<Record<string, string>>
  readonly reason: string
  readonly data: string
}

/** What is kept of a record that has counted, under its identity. */
export interface Applied {
  readonly effect: readonly string[]
  readonly firstUsedMs: number
  /** The day of its partition, in Unix ms; undefined where it is of a request. */
  readonly dayMs: number | undefined
}

/** A record that has its effect: the values of its columns. */
export type AppliedValues = readonly (string | null)[]

/** A key's guard: the newest deletion that was entered, if any was. */
export interface Guard {
  readonly deletion?: RowVersion
}

/** What a transaction puts in place; undefined: it removes that. */
export class Changes {
  readonly rows = new Map<string, StoredRow | undefined>()
  readonly guards = new Map<string, Guard>()
  readonly deadLetters = new Map<string, StoredDeadLetter>()
  readonly applied = new Map<string, Applied | undefined>()
  /** Of identities: true where there is a partition from now on. */
  readonly days = new Map<number, boolean>()
  readonly effects: AppliedValues[] = []

  get isEmpty(): boolean {
    const { rows, guards, deadLetters, applied, days } = this
    return [rows, guards, deadLetters, applied, days].every(({ size }) => size === 0)
  }
}

/** All that is committed, and in which order it was. */
export class CommittedTables {
  readonly rows = new Map<string, StoredRow>()
  /** By the keys of rows. */
  readonly guards = new Map<string, Guard>()
  /** By subscription, message id and publish time. */
  readonly deadLetters = new Map<string, StoredDeadLetter>()
  /** By pipeline and identity. */
  readonly applied = new Map<string, Applied>()
  readonly days = new Set<number>()
  /** Of all records that have counted, in order. */
  effects: AppliedValues[] = []
  /** Numbers the rows that are appended, also those that are undone. */
  appended = 0
  readonly #log: Changes[] = []

  /** Of the keys that have one. */
  get deletions(): ReadonlyMap<string, RowVersion> {
    return new Map([...this.guards].flatMap(([key, { deletion }]) => (deletion ? [[key, deletion]] : [])))
  }

  commit(changes: Changes): void {
    if (changes.isEmpty) return
    this.#log.push(changes)
    this.#apply(changes)
  }

  /** Empties the table of rows alone: of the guards TRUNCATE knows nothing. */
  truncate(): void {
    const changes = new Changes()
    for (const key of this.rows.keys()) changes.rows.set(key, undefined)
    this.commit(changes)
  }

  /** As on a standby that has replayed the log so far: what was committed together is there or lacking together. */
  rewind(below: (count: number) => number): void {
    this.#log.length = below(this.#log.length + 1)
    for (const table of [this.rows, this.guards, this.deadLetters, this.applied, this.days]) table.clear()
    this.effects = []
    for (const changes of this.#log) this.#apply(changes)
  }

  #apply({ rows, guards, deadLetters, applied, days, effects }: Changes): void {
    put(rows, this.rows)
    put(applied, this.applied)
    for (const [day, isThere] of days) {
      if (isThere) this.days.add(day)
      else this.days.delete(day)
    }
    this.effects.push(...effects)
    for (const [key, guard] of guards) this.guards.set(key, guard)
    for (const [identity, deadLetter] of deadLetters) this.deadLetters.set(identity, deadLetter)
  }
}

function put<T>(changes: ReadonlyMap<string, T | undefined>, table: Map<string, T>): void {
  for (const [key, value] of changes) {
    if (value === undefined) table.delete(key)
    else table.set(key, value)
  }
}
