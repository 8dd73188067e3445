import pg from 'pg'
import type { PostgresTable } from '#core/pipeline.ts'
import type { RowVersion } from '../../oracle/facts.ts'
import { elementsOf } from './array-literal.ts'
import { keyOf, refused } from '../../simulation/workload.ts'

/** A statement as it comes over the wire. */
export interface Statement {
  readonly name?: string | undefined
  readonly text: string
  readonly values: readonly unknown[]
}

export interface Result {
  readonly rowCount: number
  readonly rows: readonly (Record<string, unknown> | readonly (string | number)[])[]
}

export interface StoredDeadLetter {
  readonly messageId: string
  readonly reason: string
  readonly data: string
}

/** A statement's effects, reported at the moment of its commit. */
export interface TableObserver {
  placed(row: RowVersion): void
}

/** What the server answers in turn to everything, while something is wrong with it. */
export const disorders = {
  infrastructure: ['57P03', '53100', '53300', '08006', '58030', '25006'],
  'schema-drift': ['42P01', '42703', '42804'],
  conflict: ['40001', '40P01'],
  locked: ['55P03'],
  'too-big': ['57014'],
  'no-rights': ['42501', '28000', '3D000'],
  unknown: ['XX001'],
} as const
export type Disorder = keyof typeof disorders

/**
 * The server: one table that keeps the newest row of each key, one for dead letters, and the epoch. A statement is
 * atomic; it happens in the instant in which it is executed.
 */
export class SimulatedPostgres {
  readonly rows = new Map<string, RowVersion>()
  /** By subscription, message id and publish time. */
  readonly deadLetters = new Map<string, StoredDeadLetter>()
  epoch = 1
  /** Keys whose rows an application holds, or inserts and has not committed. */
  readonly held = new Set<string>()
  disorder: Disorder | undefined
  /** What the rows refer to is gone: those that stand are accepted as they are, and nothing is placed. */
  parentsLost = false
  readonly #table: PostgresTable
  readonly #observer: TableObserver
  #errors = 0

  constructor(table: PostgresTable, observer: TableObserver) {
    this.#table = table
    this.#observer = observer
  }

  /**
   * @param isTakenBack whether this is part of a transaction that ends with ROLLBACK
   * @throws pg.DatabaseError; nothing has happened then
   */
  execute({ name, text, values }: Statement, isTakenBack = false): Result {
    if (this.disorder) throw this.errorOf(this.disorder)
    if (name?.startsWith('upsert_')) return this.#upsert(values as readonly string[], isTakenBack)
    if (name?.startsWith('locked_')) return this.#lockedPositions(values as readonly string[])
    if (name?.startsWith('existing_')) return this.#existing()
    if (name === 'store_dead_letters') return this.#storeDeadLetters(values as readonly string[])
    // No table is locked as a whole here.
    if (text.includes('pg_locks')) return { rowCount: 0, rows: [] }
    return { rowCount: 1, rows: [{ epoch: `epoch ${this.epoch}`, shape: null }] }
  }

  /** How long a statement waits, if it needs a row that an application holds; undefined where it needs none. */
  lockWaitMs({ name, values }: Statement): number | undefined {
    if (!name?.startsWith('upsert_')) return undefined
    const isHeld = this.rowsOf(values as readonly string[]).some(({ key }) => this.held.has(key))
    return isHeld ? Number.parseInt(String(values.at(-1)), 10) : undefined
  }

  /** Those that are there and held: what is being inserted is not seen. */
  #lockedPositions(values: readonly string[]): Result {
    const columns = values.map(elementsOf)
    const keys = (columns[0] ?? []).map((_, row) => keyOf(columns.map((column) => column[row])))
    const positions = keys.flatMap((key, at) => (this.held.has(key) && this.rows.has(key) ? [[at + 1]] : []))
    return { rowCount: positions.length, rows: positions }
  }

  /** Another one each time, of those that mean the same. */
  errorOf(disorder: Disorder): pg.DatabaseError {
    const codes = disorders[disorder]
    this.#errors += 1
    return databaseError(codes[this.#errors % codes.length] ?? codes[0])
  }

  /** Empties the table; what was known of it is no longer true. */
  truncate(): void {
    this.rows.clear()
    this.epoch += 1
  }

  /** Another server takes over, which lacks some rows. Who is connected to this one has to be cut off. */
  failOver(isLost: () => boolean): void {
    for (const table of [this.rows, this.deadLetters]) {
      for (const key of table.keys()) if (isLost()) table.delete(key)
    }
    this.epoch += 1
  }

  /** Of the messages that have dead letters. */
  get deadLetterIds(): ReadonlySet<string> {
    return new Set([...this.deadLetters.values()].map(({ messageId }) => messageId))
  }

  rowsOf(values: readonly string[]): RowVersion[] {
    const columns = values.map(elementsOf)
    const { key, version } = this.#table
    const at = (name: string) => this.#table.columns.findIndex((column) => column.name === name)
    const keyAt = key.map(at)
    const [versionAt = 0, contentAt = 0] = version.map(at)
    return (columns[0] ?? []).map((_, row) => ({
      key: keyOf(keyAt.map((column) => columns[column]?.[row])),
      version: BigInt(columns[versionAt]?.[row] ?? 0),
      content: columns[contentAt]?.[row] ?? '',
    }))
  }

  /** Any row, in the order of the columns. */
  #existing(): Result {
    const all = [...this.rows.values()].filter(({ key }) => !this.held.has(key))
    const row = all[this.#errors % Math.max(1, all.length)]
    return row ? { rowCount: 1, rows: [this.#valuesOf(row)] } : { rowCount: 0, rows: [] }
  }

  #valuesOf({ key, version, content }: RowVersion): readonly string[] {
    const table = this.#table
    const keyValues = JSON.parse(key) as string[]
    const [versionColumn, contentColumn] = table.version
    return table.columns.map(({ name }) => {
      if (name === versionColumn) return String(version)
      if (name === contentColumn) return content
      return keyValues[table.key.indexOf(name)] ?? ''
    })
  }

  #upsert(values: readonly string[], isTakenBack: boolean): Result {
    const rows = this.rowsOf(values)
    const bad = rows.find(({ content }) => content in refused)
    if (bad) throw databaseError(refused[bad.content] as string, this.#table.name)
    if (new Set(rows.map(({ key }) => key)).size < rows.length) throw databaseError('21000')
    const placing = rows.filter((row) => {
      const standing = this.rows.get(row.key)
      return !standing || guardLets(row, standing)
    })
    if (this.parentsLost && placing.length > 0) throw databaseError('23503', this.#table.name)
    for (const row of isTakenBack ? [] : placing) {
      this.rows.set(row.key, row)
      this.#observer.placed(row)
    }
    return { rowCount: placing.length, rows: [{ placed: placing.length, shape: null }] }
  }

  #storeDeadLetters(values: readonly string[]): Result {
    const [, subscription, ids = '{}', times = '{}', , , datas = '{}', reasons = '{}'] = values
    const [timeOf, dataOf, reasonOf] = [times, datas, reasons].map(elementsOf)
    const messageIds = elementsOf(ids).map(String)
    for (const [at, messageId] of messageIds.entries()) {
      const identity = JSON.stringify([subscription, messageId, timeOf?.[at]])
      const data = Buffer.from(String(dataOf?.[at]).replace('\\x', ''), 'hex').toString()
      this.deadLetters.set(identity, { messageId, reason: String(reasonOf?.[at]), data })
    }
    return { rowCount: messageIds.length, rows: [{ placed: messageIds.length, shape: null }] }
  }
}

/** `WHERE (EXCLUDED.version, content) > (t.version, content)`, text as bytes. */
function guardLets(row: RowVersion, standing: RowVersion): boolean {
  if (row.version !== standing.version) return row.version > standing.version
  return Buffer.compare(Buffer.from(row.content), Buffer.from(standing.content)) > 0
}

export function databaseError(code: string, table?: string): pg.DatabaseError {
  const error = new pg.DatabaseError(`simulated ${code}`, 0, 'error')
  // The parser says where in the statement it is.
  if (code.startsWith('42')) error.position = '1'
  error.code = code
  if (table !== undefined) Object.assign(error, { table, constraint: 'simulated' })
  return error
}
