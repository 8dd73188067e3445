// What is printed at the end, whether it goes into the document, and the exit code.
import { exitCode } from '#app/exit-code.ts'
import { table } from '../cmd/ingester/table.ts'
import { targetsOf } from './targets.ts'
import { targetSheet, machineLine, seriesSheet, sheetOf } from './report.ts'
import type { Sheet } from './report.ts'
import type { Failure, Results } from './results.ts'
import { UsageError } from './cli-options.ts'
import type { CliOptions } from './cli-options.ts'

export interface Outlet {
  /** stdout. */
  print(text: string): void
  /** stderr. */
  report(text: string): void
  /** Writes the documents; returns which. */
  write(results: Results): Promise<readonly string[]>
}

/**
 * Prints tables, or the results; writes the documents where that is asked for and no run has failed.
 *
 * @param isKept whether the results were written to their file
 * @returns the exit code
 */
export async function reportResults(
  results: Results,
  isKept: boolean,
  { json, write }: Pick<CliOptions, 'json' | 'write'>,
  outlet: Outlet,
): Promise<number> {
  outlet.print(json ? JSON.stringify(results) : textOf(results))
  if (results.failures.length > 0) {
    outlet.report(`\nFailed, and in no table:\n${listed(results.failures)}`)
    if (write) outlet.report('Nothing was written.')
    return exitCode.checkFailed
  }
  if (write) outlet.report(`Written: ${(await outlet.write(results)).join(', ')}`)
  return isKept ? exitCode.done : exitCode.unexpected
}

/**
 * Of results that are read from a file.
 *
 * @param there the benches that the document has
 * @throws UsageError where the document would lose by them
 */
export function refuseToWrite(results: Results, there: readonly string[]): void {
  const refuse = (why: string) => new UsageError(`--write with --from: ${why} Without --write: the tables.`)
  if (results.quick)
    throw refuse('these are of --quick, and figures that say nothing are not for the document.')
  if (results.failures.length > 0) throw refuse(`runs have failed:\n${listed(results.failures)}\n`)
  if (!results.finished) throw refuse('they were not measured to the end.')
  const lost = there.filter((name) => !results.benches.some((bench) => bench.name === name))
  if (lost.length > 0) throw refuse(`the document would lose ${lost.join(', ')}.`)
}

function listed(failures: readonly Failure[]): string {
  return failures
    .map(({ bench, configuration, round, why }) => `${bench}, ${configuration}, run ${round}: ${why}`)
    .join('\n')
}

function textOf(results: Results): string {
  const sections = results.benches.flatMap((bench) => {
    const series = seriesSheet(bench)
    return [`${bench.title}\n${turned(sheetOf(bench))}`, ...(series ? [terminalTable(series)] : [])]
  })
  return [machineLine(results), ...sections, verdictOf(results)].filter((part) => part !== '').join('\n\n')
}

/** The targets that were measured. */
function verdictOf(results: Results): string {
  if (results.quick) return 'With --quick: these figures say nothing.'
  const targets = targetsOf(results).filter(({ holds }) => holds !== undefined)
  return targets.length > 0 ? terminalTable(targetSheet(targets)) : ''
}

function terminalTable({ head, rows }: Sheet): string {
  return table(head, rows, undefined, head.map((_, i) => i).slice(1))
}

/** A bench has more figures than a terminal has columns: a line each. */
function turned({ head, rows }: Sheet): string {
  const columns = head.slice(1).map((label, i) => [label, ...rows.map((row) => row[i + 1] ?? '')])
  return terminalTable({ head: ['', ...rows.map(([name = '']) => name)], rows: columns })
}
