import type { TraceStep } from './explore.ts'
import type { Result, Run } from './runs.ts'
import type { Scenario } from './scenario.ts'
import { scenario } from './scenario.ts'

type Line = Run & Result

/** Markdown: what was looked at, and that it holds. */
export function holdingTable(lines: readonly Line[]): string {
  return table(
    ['protocol', 'messages', 'what may happen', 'states', 'transitions', 'depth', 'seconds', 'verdict'],
    '|---|---|---|--:|--:|--:|--:|---|',
    lines.map((line) => [...factsOf(line), line.found.seconds.toFixed(1), verdictOf(line)]),
  )
}

/** Markdown: designs that lose, and how soon. */
export function losingTable(lines: readonly Line[]): string {
  return table(
    ['design', 'messages', 'what may happen', 'found', 'steps', 'states visited'],
    '|---|---|---|---|--:|--:|',
    lines.map(({ design, scenario, found }) => [
      design.name,
      messagesOf(scenario),
      worldOf(scenario),
      found.violation?.what ?? 'nothing',
      `${found.violation?.trace.length ?? '–'}`,
      thousands(found.states),
    ]),
  )
}

/** Markdown: a shortest way to a violation. */
export function traceText({ design, scenario, found }: Line): string {
  const steps = found.violation?.trace ?? []
  const width = Math.max(...steps.map(({ what }) => what.length))
  const tell = ({ what, after }: TraceStep, i: number) => `${i + 1}  ${what.padEnd(width)}  | ${after}`
  return [
    `${design.name}; messages ${messagesOf(scenario)}; ${worldOf(scenario)}:`,
    '',
    '```',
    ...steps.map(tell),
    '```',
  ].join('\n')
}

/** What must be the same in every run: a table that says otherwise is of another model. */
export function factsOf({ design, scenario, found }: Line): string[] {
  return [
    design.name,
    messagesOf(scenario),
    worldOf(scenario),
    thousands(found.states),
    thousands(found.transitions),
    `${found.depth}`,
  ]
}

export function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** For machines. */
export function asJson({ design, scenario, found }: Line): unknown {
  return { design: design.name, scenario, ...found, violation: found.violation ?? null }
}

/** Puts text between a document's markers. */
export function between(marker: string, document: string, text: string): string {
  const [start, end] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`]
  const from = document.indexOf(start)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document has no ${start} … ${end}`)
  return `${document.slice(0, from + start.length)}\n\n${text}\n\n${document.slice(to)}`
}

function verdictOf({ found }: Line): string {
  if (found.violation) return found.violation.what
  return found.complete ? 'holds' : 'not finished'
}

function messagesOf({ messages }: Scenario): string {
  return messages.map((message) => message.replaceAll(' ', '').replace('!', ' (poison)')).join(', ')
}

/** How it differs from all that can fail. */
function worldOf(given: Scenario): string {
  const all = scenario(given.messages)
  const isLess = !given.crashes || !given.cacheFails || !given.databaseFails
  const causes = [
    given.crashes && 'crashes',
    given.databaseFails && 'PostgreSQL fails',
    given.cacheFails && 'Redis fails',
  ].filter((cause) => cause !== false)
  const words = [
    isLess ? causes.join(', ') || 'rejections only' : 'everything',
    !isLess && `${given.late} late`,
    given.failover && 'failover',
    given.truncate && 'TRUNCATE',
    given.redelivers !== all.redelivers && 'no redelivery of what is acked',
  ]
  return words.filter((word) => word !== false).join(', ')
}

function table(heads: readonly string[], rule: string, rows: readonly (readonly string[])[]): string {
  return [rowOf(heads), rule, ...rows.map(rowOf)].join('\n')
}

function thousands(count: number): string {
  return count.toLocaleString('en')
}
