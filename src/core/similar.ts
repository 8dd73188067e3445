/**
 * The name that was probably meant: equal except for case, separators and up to two typos. Half of a short name must
 * be right.
 */
export function similarName(name: string, known: readonly string[]): string | undefined {
  const written = normalized(name)
  const nearest = known
    .map((one) => ({ one, distance: editDistance(written, normalized(one)) }))
    .reduce((best, other) => (other.distance < best.distance ? other : best))
  return nearest.distance <= Math.min(maxDistance, written.length / 2) ? nearest.one : undefined
}

const maxDistance = 2

const normalized = (name: string) => name.toUpperCase().replace(/[^A-Z0-9]/g, '')

/** Levenshtein's: how many characters to add, drop or replace. */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [row, character] of Array.from(from).entries()) {
    const current = [row + 1]
    for (const [column, other] of Array.from(to).entries()) {
      const replaced = (above[column] as number) + (character === other ? 0 : 1)
      current.push(Math.min(replaced, (above[column + 1] as number) + 1, (current[column] as number) + 1))
    }
    above = current
  }
  return above.at(-1) as number
}
