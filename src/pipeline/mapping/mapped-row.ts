import type { Scalar } from '#core/pipeline.ts'

/**
 * The row of a mapping. Its values are fields of its own where they are few, as in most tables: a list beside it would be two
 * more objects, which live until the row is written. (Updates of a million rows cost the ingester 1.16 and 1.19 times what they
 * cost with the built-in pipeline where rows had a list, and 1.07, 1.13 and 1.12 times so.)
 */
export class MappedRow {
  /** The message says that there is no such row any more: of its values only those of key, version and mark count. */
  readonly isGone: boolean
  readonly v0: Scalar
  readonly v1: Scalar
  readonly v2: Scalar
  readonly v3: Scalar
  readonly v4: Scalar
  readonly v5: Scalar
  /** All others. */
  readonly more: readonly Scalar[]

  constructor(isGone: boolean, values: readonly Scalar[]) {
    const [v0 = null, v1 = null, v2 = null, v3 = null, v4 = null, v5 = null] = values
    this.isGone = isGone
    this.v0 = v0
    this.v1 = v1
    this.v2 = v2
    this.v3 = v3
    this.v4 = v4
    this.v5 = v5
    this.more = values.length > own.length ? values.slice(own.length) : none
  }
}

const none: readonly Scalar[] = []

const own: readonly ((row: MappedRow) => Scalar)[] = [
  ({ v0 }) => v0,
  ({ v1 }) => v1,
  ({ v2 }) => v2,
  ({ v3 }) => v3,
  ({ v4 }) => v4,
  ({ v5 }) => v5,
]

/** What reads the value that stood there. */
export function valueAt(at: number): (row: MappedRow) => Scalar {
  const further = at - own.length
  return own[at] ?? (({ more }) => more[further] as Scalar)
}
