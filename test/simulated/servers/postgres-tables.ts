import type { RowVersion } from '../../oracle/facts.ts'
import type { StoredRow } from './postgres-rows.ts'

export interface StoredDeadLetter {
  readonly messageId: string
  readonly reason: string
  readonly data: string
}

/** A key's guard: the newest deletion that was entered, if any was. */
export interface Guard {
  readonly deletion?: RowVersion
}

/** What a transaction puts in place; undefined: it removes that. */
export class Changes {
  readonly rows = new Map<string, StoredRow | undefined>()
  readonly guards = new Map<string, Guard>()
  readonly deadLetters = new Map<string, StoredDeadLetter>()

  get isEmpty(): boolean {
    return this.rows.size + this.guards.size + this.deadLetters.size === 0
  }
}

/** All that is committed, and in which order it was. */
export class CommittedTables {
  readonly rows = new Map<string, StoredRow>()
  /** By the keys of rows. */
  readonly guards = new Map<string, Guard>()
  /** By subscription, message id and publish time. */
  readonly deadLetters = new Map<string, StoredDeadLetter>()
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
    for (const table of [this.rows, this.guards, this.deadLetters]) table.clear()
    for (const changes of this.#log) this.#apply(changes)
  }

  #apply({ rows, guards, deadLetters }: Changes): void {
    for (const [key, row] of rows) {
      if (row) this.rows.set(key, row)
      else this.rows.delete(key)
    }
    for (const [key, guard] of guards) this.guards.set(key, guard)
    for (const [identity, deadLetter] of deadLetters) this.deadLetters.set(identity, deadLetter)
  }
}
