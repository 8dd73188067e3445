import type { Checked } from '#authoring/check.ts'
import { faultLine } from '#authoring/definition-fault.ts'
import { plain } from '#core/plain.ts'
import { table } from './table.ts'

/** What is printed where, of a check. */
export interface CheckView {
  /** The faults, each in a line; without one what the definition means. */
  readonly data: string
  /** Warnings, and what was not looked at. */
  readonly talk: string
}

/** @param columns of the terminal, at whose edge tables are cut */
export function checkView({ report, meaning, isUnread }: Checked, columns: number | undefined): CheckView {
  const { file, faults, warnings } = report
  const lines = faults.map((fault) => plain(faultLine(file, fault), 'one line'))
  const told = warnings.map((warning) => plain(`warning: ${faultLine(file, warning)}`, 'one line'))
  const rest = 'the table and the subscription are checked once the file is right'
  return {
    data: lines.length > 0 ? lines.join('\n') : meaningView({ report, meaning }, columns),
    talk: [...told, ...(isUnread ? [rest] : []), summary(faults.length, warnings.length)].join('\n'),
  }
}

function meaningView({ report, meaning }: Pick<Checked, 'report' | 'meaning'>, columns?: number): string {
  const rows = report.columns.map(({ name, type, from, leftAlone }) =>
    [name, type, from ?? `– (${leftAlone})`].map((text) => plain(text, 'one line')),
  )
  const facts = meaning.map(([name, text]) => [name, plain(text, 'one line')])
  return [table(['column', 'type', 'value'], rows, columns), table([], facts, columns)].join('\n\n')
}

function summary(faults: number, warnings: number): string {
  const told = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`
  return `${faults === 0 ? 'no fault' : counted(faults, 'fault')}${told}`
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
