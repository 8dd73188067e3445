import type { MutationResult } from './run-mutation.ts'

/** Under which a table was made. */
export interface Circumstances {
  readonly seed: number
  readonly seconds: number
  readonly processors: number
  /** Of the machine over the last five minutes. */
  readonly load: number
}

const head = ['mutation', 'what it would do', 'caught by', 'took', 'seconds'] as const

function rowOf({ mutation: { name, wouldDo }, caughtBy, took, seconds }: MutationResult): string[] {
  const by = caughtBy ?? 'NOT CAUGHT'
  return [name, wouldDo, by, took, seconds.toFixed(1)]
}

function sumOf(
  results: readonly MutationResult[],
  { seed, seconds, processors, load }: Circumstances,
): string {
  const caught = results.filter(({ caughtBy }) => caughtBy !== undefined).length
  return (
    `${caught} of ${results.length} caught in ${seconds} s, from seed ${seed} on, ` +
    `on ${processors} processors under a load of ${load.toFixed(1)}.`
  )
}

/** For a terminal: without what it would do, but with what was seen of it. */
export function plainOf(results: readonly MutationResult[], circumstances: Circumstances): string {
  const rows = results.map((result) => {
    const [name = '', , ...rest] = rowOf(result)
    return [name, ...rest]
  })
  const [name, , ...rest] = head
  const all = [[name, ...rest], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const seen = results.map(({ said }) => (said === '' ? [] : [`    ${said}`]))
  const withSeen = lines.flatMap((line, at) => [line, ...(seen[at - 1] ?? [])])
  return [...withSeen, '', sumOf(results, circumstances)].join('\n')
}

/** For docs/RELIABILITY.md. */
export function markdownOf(results: readonly MutationResult[], circumstances: Circumstances): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rows = results.map((result) => line(rowOf(result)))
  return [line(head), line(head.map(() => '---')), ...rows, '', sumOf(results, circumstances)].join('\n')
}
