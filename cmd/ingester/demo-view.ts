import { styleText } from 'node:util'
import type { DemoProgress, DemoResult, DemoSummary, RunningDemo } from '#app/demo.ts'
import { plain } from './plain-text.ts'
import { table } from './table.ts'
import { utc } from './wording.ts'

/** What the counts mean, for those who see them for the first time. */
const meanings = {
  published: '',
  received: '',
  written: 'its row was committed',
  coalesced: 'folded into a newer one of its batch',
  stale: 'a newer one was committed before',
  deadLettered: 'cannot be stored; see dead_letters',
  nacked: 'given back at a hard stop',
  outstanding: 'in hand, not settled yet',
  redelivered: 'received more than once',
  offered: 'rows sent to PostgreSQL',
  poison: 'published on purpose, to be dead-lettered',
  keys: 'different ones, among what was published',
  rows: 'in scan_results',
} satisfies Record<Exclude<keyof DemoSummary, 'converged' | 'seconds'>, string>

type Count = keyof typeof meanings

/** The counts of a demo that is over, as a table. */
export function summaryView({ summary }: DemoResult): string {
  const rows = (Object.keys(meanings) as Count[]).map((name) => {
    const count = summary[name]
    if (count === null) return [`  ${name}`, '–', '', `${meanings[name]}; not read`]
    const part = ofReceived.has(name) && summary.received > 0 ? share(count, summary.received) : ''
    return [`  ${name}`, count.toLocaleString('en'), part, meanings[name]]
  })
  const head = [`  ${summary.seconds.toLocaleString('en')} s`, 'messages', 'of received', '']
  return table(head, rows, undefined, [1, 2])
}

const ofReceived: ReadonlySet<Count> = new Set([
  'written',
  'coalesced',
  'stale',
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

type NewestRow = Awaited<ReturnType<RunningDemo['newestRows']>>[number]

/** Two looks at a running demo, so many seconds apart, and the newest rows. */
export interface Look {
  readonly now: DemoProgress
  readonly before: DemoProgress
  readonly secondsBetween: number
  /** Since it began. */
  readonly seconds: number
  /** How long it is to publish; undefined: until it is stopped. */
  readonly forSeconds: number | undefined
  readonly newest: readonly NewestRow[]
}

/** What a terminal shows while a demo runs. Its lines keep their places, so that it is calm. */
export function liveView(look: Look): string {
  const { now } = look
  return [
    styleText('bold', phaseLine(look)),
    '',
    countLine('published', look),
    countLine('received', look, `${now.outstanding.toLocaleString('en')} in hand`),
    ...(['written', 'coalesced', 'stale', 'deadLettered'] as const).map((name) =>
      countLine(name, look, dim(meanings[name])),
    ),
    ['  cache       ', ...judgedShares(now)].join('  '),
    `  latency         ${latency(now.slowestCommitSeconds)}`,
    '',
    ...newestLines(look.newest),
    ...now.trouble.map((why) => styleText('yellow', `! ${plain(why, 'one line')}`)),
  ].join('\n')
}

function phaseLine({ now, seconds, forSeconds }: Look): string {
  const far = `${Math.floor(seconds)} s`
  switch (now.phase) {
    case 'publishing':
      return forSeconds === undefined
        ? `publishing · ${far}`
        : `publishing · ${Math.min(Math.floor(seconds), forSeconds)} of ${forSeconds} s`
    case 'settling':
      return 'settling · everything that was published is waited for'
    case 'stopping':
      return 'stopping · settling what is in hand; Ctrl-C once more: leave now'
    case 'comparing':
      return 'comparing the table with what was published'
  }
}

function countLine(
  name: Exclude<Count, 'poison' | 'keys' | 'rows'>,
  { now, before, secondsBetween }: Look,
  words = '',
): string {
  const rate = Math.max(0, now[name] - before[name]) / secondsBetween
  const label = `${meanings[name] === '' ? '' : '  '}${name === 'deadLettered' ? 'dead letters' : name}`
  const figures = `${now[name].toLocaleString('en').padStart(11)}  ${Math.round(rate).toLocaleString('en').padStart(7)}/s`
  return `  ${label.padEnd(14)}${figures}   ${words}`.trimEnd()
}

/** Of all records that it was asked about so far. */
function judgedShares({ judged }: DemoProgress): string[] {
  const all = judged.fresh + judged.stale + judged.busy
  if (all === 0) return ['not asked']
  return (['fresh', 'stale', 'busy'] as const).map(
    (verdict) => `${share(judged[verdict], all).padStart(4)} ${verdict}`,
  )
}

function latency(seconds: number | undefined): string {
  if (seconds === undefined) return 'nothing was committed just now'
  return `${Math.round(seconds * 1000).toLocaleString('en')} ms from publishing to commit, at worst`
}

function newestLines(rows: readonly NewestRow[]): string[] {
  const cells = rows.map(({ ip, port, service, response, timestamp }) => [
    `  ${utc(timestamp * 1000)}`,
    plain(ip, 'one line').padEnd(15),
    String(port).padStart(5),
    plain(service, 'one line').padEnd(7),
    plain(response, 'one line'),
  ])
  return table(['  newest rows', 'ip', 'port', 'service', 'response'], cells, 80, [2]).split('\n')
}

const share = (part: number, whole: number) => `${Math.round((100 * part) / whole)}%`
const dim = (text: string) => styleText('dim', text)
