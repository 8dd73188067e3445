import type { PostgresTable } from '#core/pipeline.ts'
import type { RowLayout } from './postgres-rows.ts'

/** A statement as it comes over the wire. */
export interface Statement {
  readonly name?: string | undefined
  readonly text: string
  readonly values: readonly unknown[]
}

export interface Result {
  readonly rowCount: number
  readonly rows: readonly (Record<string, unknown> | readonly (string | number | null)[])[]
}

/** What statements go by beside the rows. */
export interface Surroundings {
  readonly table: PostgresTable
  readonly layout: RowLayout
  readonly epoch: number
  readonly parentsLost: boolean
  /** Another number each time. */
  readonly dice: number
}

export type Parameters = readonly string[]

export function one(row: Record<string, unknown>): Result {
  return { rowCount: 1, rows: [row] }
}
