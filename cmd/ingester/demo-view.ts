import { styleText } from 'node:util'
import type { DemoProgress, RunningDemo } from '#demo/run.ts'
import type { Count } from './demo-counts.ts'
import { labelOf, meanings, share } from './demo-counts.ts'
import type { Line } from './fit.ts'
import { cutTo, fitRows, wrapTo } from './fit.ts'
import { plain } from '#core/plain.ts'
import type { Size } from './screen.ts'
import { table } from './table.ts'

type NewestRows = Awaited<ReturnType<RunningDemo['newestRows']>>
type Shown = RunningDemo['shown'][number]

/** Two samples of a running demo, some seconds apart, and the newest rows. */
export interface Look {
  readonly now: DemoProgress
  readonly before: DemoProgress
  readonly secondsBetween: number
  /** Since it began. */
  readonly seconds: number
  /** How long it is to publish; undefined: until it is stopped. */
  readonly forSeconds: number | undefined
  /** Of what becomes of what is received. */
  readonly shown: readonly Shown[]
  /** Undefined: not read yet. */
  readonly newest: NewestRows | undefined
}

/** What goes first where the terminal is too small, the greatest number before others. */
const rank = { never: 0, counts: 1, details: 2, gaps: 3, newest: 4 }

/**
 * What a terminal shows while a demo runs. Its lines keep their places, so that it is calm. On a small one what it is
 * at and what is wrong stay longest. The row below is left for the cursor.
 */
export function liveView(look: Look, { columns, rows }: Size): string {
  const { now } = look
  const cut = (rank: number, ...texts: string[]): Line[] =>
    texts.map((text) => ({ text: cutTo(columns, text), rank }))
  const lines = [
    ...cut(rank.never, styleText('bold', phaseLine(look))),
    ...cut(rank.gaps, ''),
    ...cut(
      rank.counts,
      countLine('published', look, dim(meanings.published)),
      countLine('received', look, `${now.outstanding.toLocaleString('en')} in flight`),
      ...look.shown.map((name) => countLine(name, look, dim(meanings[name]))),
    ),
    ...cut(
      rank.details,
      now.status
        ? `  ${now.status[0].padEnd(14)}  ${now.status[1]}`
        : ['  cache       ', ...verdictShares(now)].join('  '),
      `  latency         ${latency(now.slowestCommitSeconds)}`,
    ),
    ...cut(rank.gaps, ''),
    ...cut(rank.newest, ...newestLines(look.newest, columns)),
    ...now.problems
      .flatMap((why) => wrapTo(columns, `! ${plain(why, 'one line')}`))
      .map((text) => ({ text: styleText('yellow', text), rank: rank.never })),
  ]
  return fitRows(lines, rows - 1)
    .map(({ text }) => text)
    .join('\n')
}

function phaseLine({ now, seconds, forSeconds }: Look): string {
  const far = `${Math.floor(seconds)} s`
  switch (now.phase) {
    case 'publishing':
      return forSeconds === undefined
        ? `publishing · ${far}`
        : `publishing · ${Math.min(Math.floor(seconds), forSeconds)} of ${forSeconds} s`
    case 'settling':
      return 'settling · waiting for everything published'
    case 'stopping':
      return 'stopping · draining in-flight messages; Ctrl-C again forces exit'
    case 'comparing':
      return 'comparing the table with what was published'
  }
}

function countLine(
  name: Extract<Count, 'published' | 'received' | Shown>,
  { now, before, secondsBetween, shown }: Look,
  words: string,
): string {
  const rate = Math.max(0, now[name] - before[name]) / secondsBetween
  const indent = shown.some((one) => one === name) ? '  ' : ''
  const label = `${indent}${labelOf(name)}`
  const figures = `${now[name].toLocaleString('en').padStart(11)}  ${Math.round(rate).toLocaleString('en').padStart(7)}/s`
  return `  ${label.padEnd(14)}${figures}   ${words}`
}

/** Of all records that it was asked about so far. */
function verdictShares({ cacheVerdicts }: DemoProgress): string[] {
  const all = cacheVerdicts.fresh + cacheVerdicts.stale + cacheVerdicts.busy
  if (all === 0) return ['not asked']
  return (['fresh', 'stale', 'busy'] as const).map(
    (verdict) => `${share(cacheVerdicts[verdict], all).padStart(4)} ${verdict}`,
  )
}

function latency(seconds: number | undefined): string {
  if (seconds === undefined) return 'no commits in the last interval'
  return `${Math.round(seconds * 1000).toLocaleString('en')} ms from publishing to commit, at worst`
}

function newestLines(newest: NewestRows | undefined, columns: number): string[] {
  if (!newest) return []
  const { head, cells, numeric } = newest
  const indented = (row: readonly string[]) =>
    row.map((cell, at) => `${at === 0 ? '  ' : ''}${plain(cell, 'one line')}`)
  return table(indented(head), cells.map(indented), columns, numeric).split('\n')
}

const dim = (text: string) => styleText('dim', text)
