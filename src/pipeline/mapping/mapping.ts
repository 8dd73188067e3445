// A mapping as it is understood: what its file says, with defaults filled in and paths taken apart.

import type { BinaryEncoding } from '../conversion/binary.ts'
import type { TimeUnit } from '../conversion/epoch-time.ts'
import type { TableMode } from '#core/pipeline.ts'

/** From messages of a topic to rows of a table. */
export interface Mapping {
  readonly name: string
  /** Ids in the configured project, or full names. */
  readonly topic: string
  readonly subscription: string
  /** As `table-name.ts` reads it. */
  readonly table: string
  readonly mode: TableMode
  /** Empty where rows are appended. */
  readonly key: readonly string[]
  /** Empty of all modes but `newest`. */
  readonly version: readonly string[]
  /** Whether a column that is not named takes the message's field of its own name. */
  readonly takesOthers: boolean
  /** The columns that are named, in the file's order. */
  readonly columns: ReadonlyMap<string, ColumnSource>
  /** An array, each element of which becomes a record. */
  readonly split?: FieldPath
  /** What must hold for a record to be stored; each is a rule by which the others are counted. */
  readonly where: readonly Rule[]
  readonly delete?: {
    readonly when: Condition
    /** The column that marks a row as gone; absent: the row is deleted. */
    readonly column?: string
  }
}

/** Where the values of a column come from. */
export type ColumnSource =
  | { readonly kind: 'skip' }
  /** The value of the first path that is in the message. */
  | {
      readonly kind: 'paths'
      readonly paths: readonly [ValuePath, ...ValuePath[]]
      /** In place of a value that is missing: a rejection, NULL, or a constant (also in place of null). */
      readonly missing: 'rejected' | 'null' | Constant
    }
  | { readonly kind: 'value'; readonly value: Constant }

export interface ValuePath {
  readonly path: Path
  /** What a number of a time counts, since 1970. */
  readonly unit?: TimeUnit
  /** Of times without an offset: `UTC`, `+02:00`, or an IANA name. */
  readonly timezone?: string
  /** How bytes are written in a string. */
  readonly encoding?: BinaryEncoding
}

export type Path = FieldPath | MetadataPath

/** Names of members and indexes of elements, from the outside in. Empty: all of it. */
export interface FieldPath {
  /** Where it begins. Without `split` an element is the message itself. */
  readonly from: 'message' | 'element'
  readonly segments: readonly (string | number)[]
}

export const metadataNames = ['publishTime', 'messageId', 'orderingKey', 'subscription', 'data'] as const

/** To what comes with the message; `data` is all of its content. */
export type MetadataPath = TextPath | { readonly from: 'data' }

/** To a text that comes with the message. */
export type TextPath =
  | { readonly from: Exclude<(typeof metadataNames)[number], 'data'> }
  | { readonly from: 'attributes'; readonly name: string }

/** A value that the file itself has, as JSON: its numbers keep their digits. */
export interface Constant {
  readonly json: string
}

/** A condition under a name. */
export interface Rule {
  readonly name: string
  readonly condition: Condition
}

export type Condition =
  | { readonly kind: 'in'; readonly path: Path; readonly values: readonly Constant[] }
  | { readonly kind: 'exists'; readonly path: Path }
  | { readonly kind: 'not'; readonly condition: Condition }
  | { readonly kind: 'all' | 'any'; readonly conditions: readonly Condition[] }
