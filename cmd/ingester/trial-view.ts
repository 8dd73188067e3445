import type { Outcome } from '#authoring/outcome.ts'
import type { StoredValues } from '#authoring/stored-row.ts'
import type { Tried } from '#authoring/trial.ts'
import { plain } from '#core/plain.ts'
import { bold, table } from './table.ts'

/**
 * @param unit what is numbered: lines of an input, of which some may be blank, or messages
 * @param columns of the terminal, at whose edge values are cut
 */
export function trialView(outcome: Outcome, unit: 'line' | 'message', columns?: number): string {
  const { message, rows, deleted, added, ignored, rejected } = outcome
  const room = columns && columns - indent.length
  const several = rows.length + deleted.length + added.length > 1
  const shown = (verdict: string) => (values: StoredValues, at: number) => [
    ...(several ? [`${indent}${verdict} ${at + 1}`] : []),
    ...rowView(cells(values), room),
  ]
  const addition = ({ key, by }: (typeof added)[number], at: number) => [
    ...(several ? [`${indent}addition ${at + 1}`] : []),
    ...rowView([...cells(key), ...cells(by, '+=')], room),
  ]
  return [
    `${bold(`${unit} ${message}:`)} ${verdictOf(outcome)}`,
    ...rows.flatMap(shown('row')),
    ...deleted.flatMap(shown('deletion')),
    ...added.flatMap(addition),
    ...ignored.map((rule) => `${indent}ignored by the rule ${plain(rule, 'one line')}`),
    ...rejected.map(({ reason, detail }) => plain(`${indent}rejected: ${reason}: ${detail}`, 'one line')),
  ].join('\n')
}

const indent = '  '

function cells(values: StoredValues, sign = '='): string[][] {
  return Object.entries(values).map(([name, value]) => [
    plain(name, 'one line'),
    `${sign} ${shownValue(value)}`,
  ])
}

function rowView(rows: readonly (readonly string[])[], columns: number | undefined): string[] {
  if (rows.length === 0) return []
  return table([], rows, columns)
    .split('\n')
    .map((line) => `${indent}${line}`)
}

/** A text stands in quotes where it could be taken for something else. */
function shownValue(value: StoredValues[string]): string {
  if (value === null) return 'NULL'
  if (typeof value !== 'string') return String(value)
  const isAmbiguous = /^(?:NULL|true|false|)$|^\s|\s$/.test(value)
  return plain(isAmbiguous ? JSON.stringify(value) : value, 'one line')
}

const nouns = {
  rows: 'row',
  deleted: 'deleted',
  added: 'added up',
  ignored: 'ignored',
  rejected: 'rejected',
} as const

function verdictOf(outcome: Record<keyof typeof nouns, readonly unknown[]>): string {
  return countsText({
    rows: outcome.rows.length,
    deleted: outcome.deleted.length,
    added: outcome.added.length,
    ignored: outcome.ignored.length,
    rejected: outcome.rejected.length,
  })
}

function countsText(counts: Readonly<Record<keyof typeof nouns, number>>): string {
  const parts = (Object.keys(nouns) as (keyof typeof nouns)[])
    .filter((kind) => counts[kind] > 0)
    .map((kind) => `${counts[kind]} ${kind === 'rows' && counts.rows !== 1 ? 'rows' : nouns[kind]}`)
  return parts.join(', ') || 'nothing to store'
}

/** What has become of all messages so far. */
export class TrialCounts {
  #messages = 0
  #badLines = 0
  readonly #counts = { rows: 0, deleted: 0, added: 0, ignored: 0, rejected: 0 }

  get rejected(): number {
    return this.#counts.rejected
  }

  add(tried: Tried): void {
    if ('why' in tried) {
      this.#badLines += 1
      return
    }
    this.#messages += 1
    for (const kind of Object.keys(nouns) as (keyof typeof nouns)[]) this.#counts[kind] += tried[kind].length
  }

  /** `3 messages: 4 rows, 1 rejected`. */
  summary(): string {
    const left =
      this.#badLines === 0
        ? ''
        : `; left out ${counted(this.#badLines, 'line')} that ${this.#badLines === 1 ? 'is not a message' : 'are not messages'}`
    const all = counted(this.#messages, 'message')
    return `${this.#messages === 0 ? all : `${all}: ${countsText(this.#counts)}`}${left}`
  }
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
