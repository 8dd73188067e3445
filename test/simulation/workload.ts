import type { Pipeline } from '#core/pipeline.ts'
import type { Meaning } from '../oracle/facts.ts'

/** A message of a plan: its records. */
export type PlannedMessage = readonly PlannedRecord[]

/** Keys are numbered: what they are is the workload's to say. */
export interface PlannedRecord {
  readonly key: number
  readonly version: string
  readonly content: string
  /** It is a deletion, which has no content. */
  readonly gone?: boolean
  /** Why no row can be made of it. */
  readonly invalid?: string
}

/** A pipeline, and messages for it. */
export interface Workload {
  readonly pipeline: Pipeline
  readonly keys: number
  /** Reasons for which it rejects messages, other than the database's. */
  readonly invalid: readonly string[]
  textOf(message: PlannedMessage): string
  meaningOf(record: PlannedRecord): Meaning
  /** Whether a message may have another number of records than one. */
  readonly several: boolean
  /** A key's row, as the table's rows are named. */
  rowKeyOf(key: number): string
  /** Whether the table refuses it, or may. Absent: by its content. */
  readonly mayBeRefused?: (record: PlannedRecord) => boolean
  /** Of a neighbour for what was refused, another one each time. */
  readonly neighbourContent?: (serial: number) => string
}
