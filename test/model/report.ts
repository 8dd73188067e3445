import type { Line } from './table.ts'
import { factsOf, holdingTable, losingTable, traceText } from './table.ts'

/** What is explored of a model, and where its tables are. */
export interface Report {
  /** Of docs/RELIABILITY.md. */
  readonly marker: string
  readonly sections: readonly Section[]
}

export interface Section {
  readonly title: string
  readonly must: 'hold' | 'lose'
  readonly runs: readonly (() => Line)[]
  /** How many of its runs are told step by step. */
  readonly traces: number
}

export function holding<Run>(title: string, carryOut: (run: Run) => Line, runs: readonly Run[]): Section {
  return { title, must: 'hold', runs: runs.map((run) => () => carryOut(run)), traces: 0 }
}

export function losing<Run>(
  title: string,
  carryOut: (run: Run) => Line,
  runs: readonly Run[],
  traces: number,
): Section {
  return { title, must: 'lose', runs: runs.map((run) => () => carryOut(run)), traces }
}

export interface Explored {
  readonly lines: readonly Line[]
  /** Markdown. */
  readonly text: string
  /** Whether what must hold does, and what must lose is seen to lose. */
  readonly isAsExpected: boolean
}

/** Explores all of it, and tells of each run on stderr. */
export function explored({ sections }: Report): Explored {
  const results = sections.map((section) => ({ ...section, lines: section.runs.map(look) }))
  const tables = results.map(({ title, must, lines }) =>
    [title, must === 'hold' ? holdingTable(lines) : losingTable(lines)].join('\n\n'),
  )
  const traces = results.flatMap(({ lines, traces }) => lines.slice(0, traces).map(traceText))
  return {
    lines: results.flatMap(({ lines }) => lines),
    text: [...tables, ...traces].join('\n\n'),
    isAsExpected: results.every(({ must, lines }) =>
      lines.every(({ found }) => (must === 'hold' ? found.complete : found.violation !== undefined)),
    ),
  }
}

function look(run: () => Line): Line {
  const line = run()
  const { states, seconds, bytes, violation } = line.found
  const speed = `${Math.round(states / seconds / 1000)}k states/s, ${Math.ceil(bytes / 2 ** 20)} MiB`
  console.error([...factsOf(line), `${seconds.toFixed(1)} s`, speed, violation?.what ?? 'holds'].join(' | '))
  return line
}
