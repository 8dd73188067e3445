import { styleText } from 'node:util'
import Table from 'cli-table3'

/**
 * A table without lines.
 *
 * @param columns of the terminal, at whose edge the last column is cut; undefined: nothing is cut
 * @param right the columns that are aligned right, by index
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
  right: readonly number[] = [],
): string {
  const width = head.length || (rows[0]?.length ?? 0)
  const before = Array.from({ length: width - 1 }, (_, at) =>
    Math.max(...[head, ...rows].map((row) => (row[at] ?? '').length + gap)),
  )
  const left = columns && Math.max(leastLast, columns - before.reduce((sum, one) => sum + one, 0))
  const built = new Table({
    chars: noLines,
    head: head.map(bold),
    style: { 'padding-left': 0, 'padding-right': gap, head: [], border: [], compact: true },
    colAligns: Array.from({ length: width }, (_, at) => (right.includes(at) ? 'right' : 'left')),
    ...(left ? { colWidths: [...before.map(() => null), left], wordWrap: false } : {}),
  })
  built.push(...rows.map((row) => [...row]))
  return built
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Where there is a terminal that has it, and NO_COLOR is not set. */
export function bold(text: string): string {
  return text === '' ? '' : styleText('bold', text)
}

const gap = 2
const leastLast = 20

const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}
