import type { RowVersion } from './facts.ts'

/**
 * Whether `a` must replace `b`: the greater version, then the content that is greater as UTF-8 bytes. An order of the
 * oracle's own: bytes of UTF-8 are ordered as the code points are that they encode.
 */
export function isNewer(a: RowVersion, b: RowVersion): boolean {
  if (a.version !== b.version) return a.version > b.version
  const [left, right] = [Array.from(a.content, codePoint), Array.from(b.content, codePoint)]
  const differs = left.findIndex((point, at) => point !== right[at])
  if (differs < 0) return false
  const other = right[differs]
  return other === undefined || (left[differs] as number) > other
}

const codePoint = (character: string) => character.codePointAt(0) as number

/** The newest version of each key. */
export function newestOf(versions: Iterable<RowVersion>): Map<string, RowVersion> {
  const newest = new Map<string, RowVersion>()
  for (const version of versions) {
    const standing = newest.get(version.key)
    if (!standing || isNewer(version, standing)) newest.set(version.key, version)
  }
  return newest
}
