import type { DemoResult } from '#demo/run.ts'
import type { Count } from './demo-counts.ts'
import { labelOf, meanings, share } from './demo-counts.ts'
import { table } from './table.ts'

/** The counts of a demo that is over, as a table. */
export function summaryView({ summary }: DemoResult): string {
  const { own, pipeline: _p, converged: _c, seconds: _s, ...general } = summary
  const counts: Readonly<Partial<Record<Count, number | null>>> = { ...general, ...own }
  const names = (Object.keys(meanings) as Count[]).filter((name) => name in counts)
  const shown = names.filter((name) => !rare.has(name) || counts[name] !== 0)
  const rows = shown.map((name) => {
    const count = counts[name] ?? null
    if (count === null) return [`  ${labelOf(name)}`, '–', '', `${meanings[name]}; not read`]
    const part = ofReceived.has(name) && summary.received > 0 ? share(count, summary.received) : ''
    return [`  ${labelOf(name)}`, count.toLocaleString('en'), part, meanings[name]]
  })
  const head = [`  ${summary.seconds.toLocaleString('en')} s`, 'messages', 'of received', '']
  return table(head, rows, undefined, [1, 2])
}

/** Shown only where there are any: few pipelines have them. */
const rare: ReadonlySet<Count> = new Set(['coalesced', 'stale', 'duplicate', 'ignored', 'redelivered'])
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
export function verdictLines({ summary, claim, differences }: DemoResult): string[] {
  if (summary.converged) return [`converged: ${claim}`]
  const shown = differences.slice(0, shownDifferences).map((line) => `  ${line}`)
  const more = differences.length - shown.length
  return ['NOT converged:', ...shown, ...(more > 0 ? [`  … and ${more} more`] : [])]
}
