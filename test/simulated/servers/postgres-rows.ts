import type { PostgresTable } from '#core/pipeline.ts'
import { columnNamed, restOf } from '#core/pipeline.ts'
import type { RowVersion } from '../../oracle/facts.ts'
import { elementsOf } from './array-literal.ts'
import { refused } from './postgres-errors.ts'

/** A row that stands in the table, with its values in the order of the columns. */
export interface StoredRow extends RowVersion {
  readonly values: readonly (string | null)[]
}

/** The row's identity: the values of its key columns, as text; a guard has the same. */
export function keyOf(values: readonly unknown[]): string {
  return JSON.stringify(values.map(String))
}

/** Several columns of a version as one number that has their order. */
export function packedVersion(ranks: readonly bigint[]): bigint {
  return ranks.reduce((packed, rank) => packed * 1_000_000n + rank, 0n)
}

/** Reads the rows of one table from the parameters of statements: an array for each column. */
export class RowLayout {
  readonly #table: PostgresTable
  /** Positions among the columns. */
  readonly #key: readonly number[]
  readonly #version: readonly number[]
  readonly #rest: readonly number[]
  readonly #text: number | undefined

  constructor(table: PostgresTable) {
    this.#table = table
    const at = (name: string) => table.columns.findIndex((column) => column.name === name)
    const isText = (name: string) => columnNamed(table, name).type === 'text'
    const text = table.version.find(isText)
    this.#key = table.key.map(at)
    this.#version = table.version.filter((name) => name !== text).map(at)
    this.#rest = restOf(table).map(({ name }) => at(name))
    this.#text = text === undefined ? undefined : at(text)
  }

  /** Of the columns of the table. */
  rowsOf(parameters: readonly string[]): StoredRow[] {
    const columns = parameters.slice(0, this.#table.columns.length).map(elementsOf)
    return rowsIn(columns).map((values) => ({
      key: keyOf(this.#key.map((at) => values[at])),
      version: packedVersion(this.#version.map((at) => this.#rankOf(at, values[at]))),
      content: this.#contentOf(values),
      values,
    }))
  }

  /** Of the key's columns. */
  keysOf(parameters: readonly string[]): string[] {
    return rowsIn(parameters.slice(0, this.#key.length).map(elementsOf)).map(keyOf)
  }

  /** Of the columns of the key and of the version. */
  deletionsOf(parameters: readonly string[]): RowVersion[] {
    const keys = this.#key.length
    return rowsIn(parameters.map(elementsOf)).map((values) => ({
      key: keyOf(values.slice(0, keys)),
      version: packedVersion(this.#version.map((at, i) => this.#rankOf(at, values[keys + i]))),
      content: '',
      gone: true,
    }))
  }

  #rankOf(column: number, value: string | null | undefined): bigint {
    const { type, from } = this.#table.columns[column] ?? {}
    const isTime = type === 'timestamptz' && from === undefined
    return isTime ? BigInt(Date.parse(String(value))) * 1000n : BigInt(value ?? 0)
  }

  /** Rows of one version are ordered by it; the real server has another order of them, which is as good. */
  #contentOf(values: readonly (string | null)[]): string {
    if (this.#text !== undefined) return values[this.#text] ?? ''
    const isArray = (at: number) => this.#table.columns[at]?.type.endsWith('[]')
    const valueOf = (at: number, value: string | null = null) =>
      value !== null && isArray(at) ? elementsOf(value) : value
    return JSON.stringify(this.#rest.map((at) => valueOf(at, values[at])))
  }
}

function rowsIn(columns: readonly (readonly (string | null)[])[]): (string | null)[][] {
  return (columns[0] ?? []).map((_, row) => columns.map((column) => column[row] ?? null))
}

/** The code with which the table refuses a row: one of its values is refused, as text or as JSON. */
export function refusalOf({ values }: StoredRow): string | undefined {
  const word = Object.keys(refused).find((one) =>
    values.some((value) => value === one || value === JSON.stringify(one)),
  )
  return word === undefined ? undefined : refused[word]
}
