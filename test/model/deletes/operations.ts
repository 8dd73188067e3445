/** What a statement does to a row, of which it may have to wait for the lock, or looks for in its snapshot. */
export type Action =
  /**
   * `INSERT INTO key_guards … ON CONFLICT DO UPDATE … WHERE false`: makes a guard without a deletion where there is none;
   * else it only locks the one that is there.
   */
  | { readonly what: 'lock guard' }
  /** `INSERT INTO key_guards … ON CONFLICT DO UPDATE … WHERE EXCLUDED.deleted > coalesce(g.deleted, …)`, or without. */
  | { readonly what: 'enter deletion'; readonly where: 'newer' | 'always' }
  /** `SELECT`: whether the version is greater than the deletion in the guard, or equal to it. */
  | { readonly what: 'look at guard'; readonly admits: 'newer' | 'newer or equal' }
  /** `SELECT`, for an expired message. */
  | { readonly what: 'look for row'; readonly admits: 'a row' | 'a row or a deletion' }
  | { readonly what: 'upsert row'; readonly where: UpsertRule }
  | { readonly what: 'delete row'; readonly where: 'not newer' | 'always' }
  /** The row stays, with a mark and the version of the deletion. */
  | { readonly what: 'mark row'; readonly where: 'not newer' }

/**
 * - `newer`: over a row of a smaller version, or of the same and smaller content. Whether the mark of a row makes its content
 *   greater or smaller depends on what its columns have; here it makes it smaller.
 * - `newer, not over a mark`: the same, but not over a marked row of the same version
 */
export type UpsertRule = 'newer' | 'newer, not over a mark' | 'always'

/** One step of a program. */
export type Operation = (
  | Action
  | {
      readonly what: 'begin statement'
      /** What is in its snapshot; of no matter where nothing looks at it. */
      readonly sees: readonly ('row' | 'guard')[]
    }
  | { readonly what: 'commit' }
  | { readonly what: 'ack' }
) & { readonly ifAdmitted?: boolean }

/** What a replica does with a message that it has received. */
export type Program = readonly Operation[]

export const commit: Program = [{ what: 'commit' }]
export const ack: Program = [{ what: 'ack' }]

/** Acked after the commit. */
export function transaction(...statements: readonly Program[]): Program {
  return [statements, commit, ack].flat(2)
}

/** @param actions one, or those of a statement with common table expressions, of which the first may admit the second */
export function statement(...actions: readonly (Action & { readonly ifAdmitted?: boolean })[]): Program {
  const sees = new Set(actions.flatMap(seenBy))
  return [{ what: 'begin statement', sees: [...sees] }, ...actions]
}

/** Carried out only for a message that was admitted: by the last look, or since its deletion was entered. */
export function ifAdmitted<T extends Operation>(program: readonly T[]): T[] {
  return program.map((operation) => ({ ...operation, ifAdmitted: true }))
}

function seenBy(action: Action): ('row' | 'guard')[] {
  switch (action.what) {
    case 'delete row':
    case 'mark row':
      return ['row']
    case 'look at guard':
      return ['guard']
    case 'look for row':
      return action.admits === 'a row' ? ['row'] : ['row', 'guard']
    default:
      return []
  }
}
