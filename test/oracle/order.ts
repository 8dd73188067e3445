import type { RowVersion } from './facts.ts'

/**
 * Whether `a` must replace `b`: the greater version, then a deletion, then the content that is greater as UTF-8 bytes. An
 * order of the oracle's own: bytes of UTF-8 are ordered as the code points are that they encode.
 */
export function isNewer(a: RowVersion, b: RowVersion): boolean {
  if (a.version !== b.version) return a.version > b.version
  if (a.gone || b.gone) return !b.gone
  const [left, right] = [Array.from(a.content, codePoint), Array.from(b.content, codePoint)]
  const differs = left.findIndex((point, at) => point !== right[at])
  if (differs < 0) return false
  const other = right[differs]
  return other === undefined || (left[differs] as number) > other
}

const codePoint = (character: string) => character.codePointAt(0) as number

/** What is known of one key: its row, and the newest deletion that is remembered. */
export interface Standing {
  readonly row: RowVersion | undefined
  readonly deletion: RowVersion | undefined
}

/** Whether nothing is missed without it: the row that stands is as new, or the deletion that is remembered. */
export function isKept(version: RowVersion, { row, deletion }: Standing): boolean {
  return [row, deletion].some((fact) => fact !== undefined && !isNewer(version, fact))
}

/** The newest version of each key. */
export function newestOf(versions: Iterable<RowVersion>): Map<string, RowVersion> {
  const newest = new Map<string, RowVersion>()
  for (const version of versions) {
    const standing = newest.get(version.key)
    if (!standing || isNewer(version, standing)) newest.set(version.key, version)
  }
  return newest
}
