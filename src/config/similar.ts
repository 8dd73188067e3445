/** The one of these that was probably meant: but for case, separators and a slip or two it is the same. */
export function similarName(name: string, known: readonly string[]): string | undefined {
  const written = letters(name)
  const nearest = known
    .map((one) => ({ one, slips: distance(written, letters(one)) }))
    .reduce((best, other) => (other.slips < best.slips ? other : best))
  return nearest.slips <= mostSlips ? nearest.one : undefined
}

const mostSlips = 2

const letters = (name: string) => name.toUpperCase().replace(/[^A-Z0-9]/g, '')

/** Levenshtein's: how many characters to add, drop or replace. */
function distance(from: string, to: string): number {
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
