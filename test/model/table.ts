import type { Exploration, TraceStep } from './explore.ts'

/** A line of a table: a design in a scenario, and what was found. */
export interface Line {
  readonly design: string
  readonly messages: string
  /** What may happen. */
  readonly world: string
  readonly scenario: unknown
  readonly found: Exploration
}

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
    lines.map(({ design, messages, world, found }) => [
      design,
      messages,
      world,
      found.violation?.what ?? 'nothing',
      `${found.violation?.trace.length ?? '–'}`,
      thousands(found.states),
    ]),
  )
}

/** Markdown: a shortest way to a violation. */
export function traceText({ design, messages, world, found }: Line): string {
  const steps = found.violation?.trace ?? []
  const width = Math.max(...steps.map(({ what }) => what.length))
  const digits = `${steps.length}`.length
  const tell = ({ what, after }: TraceStep, i: number) =>
    `${`${i + 1}`.padStart(digits)}  ${what.padEnd(width)}  | ${after}`
  return [`${design}; messages ${messages}; ${world}:`, '', '```', ...steps.map(tell), '```'].join('\n')
}

/** What must be the same in every run: a table that says otherwise is of another model. */
export function factsOf({ design, messages, world, found }: Line): string[] {
  return [design, messages, world, thousands(found.states), thousands(found.transitions), `${found.depth}`]
}

export function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** For machines. */
export function asJson({ design, scenario, found }: Line): unknown {
  return { design, scenario, ...found, violation: found.violation ?? null }
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

function table(heads: readonly string[], rule: string, rows: readonly (readonly string[])[]): string {
  return [rowOf(heads), rule, ...rows.map(rowOf)].join('\n')
}

function thousands(count: number): string {
  return count.toLocaleString('en')
}
