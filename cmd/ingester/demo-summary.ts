import type { DemoResult } from '#demo/run.ts'
import type { Count } from './demo-counts.ts'
import { labelOf, meanings, share } from './demo-counts.ts'
import { table } from './table.ts'

/** The counts of a demo that is over, as a table. */
export function summaryView({ summary }: DemoResult): string {
  const names = (Object.keys(meanings) as Count[]).filter((name) => !rare.has(name) || summary[name] !== 0)
  const rows = names.map((name) => {
    const count = summary[name]
    if (count === null) return [`  ${labelOf(name)}`, '–', '', `${meanings[name]}; not read`]
    const part = ofReceived.has(name) && summary.received > 0 ? share(count, summary.received) : ''
    return [`  ${labelOf(name)}`, count.toLocaleString('en'), part, meanings[name]]
  })
  const head = [`  ${summary.seconds.toLocaleString('en')} s`, 'messages', 'of received', '']
  return table(head, rows, undefined, [1, 2])
}

/** Shown only where there are any: few pipelines have them. */
const rare: ReadonlySet<Count> = new Set(['duplicate', 'ignored'])
const ofReceived: ReadonlySet<Count> = new Set([
  'written',
  'coalesced',
  'stale',
  'duplicate',
  'ignored',
  'deadLettered',
  'nacked',
  'outstanding',
])
const shownDifferences = 10

/** Whether the proof holds, and if not, why. */
export function verdictLines({ summary, differences }: DemoResult): string[] {
  if (summary.converged) return ['converged: the table holds the newest record of every key']
  const shown = differences.slice(0, shownDifferences).map((line) => `  ${line}`)
  const more = differences.length - shown.length
  return ['NOT converged:', ...shown, ...(more > 0 ? [`  … and ${more} more`] : [])]
}
