import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectDir } from '../test/support/program.ts'
import { withTable } from '../test/support/table-in-docs.ts'
import { plotsOf, renderPlots } from './plots.ts'
import { markdownOf } from './report.ts'
import type { Results } from './results.ts'

const page = 'docs/BENCHMARKS.md'
const folder = 'docs/benchmarks'
export const resultsFile = `${folder}/results.json`
const mark = 'benchmarks'

const at = (file: string) => join(projectDir, file)

/** Everything that is made from results, by path: the page, the plots, and the results themselves. */
export async function documentsOf(results: Results): Promise<Map<string, string>> {
  const plots = await renderPlots(results)
  const text = withTable(readFileSync(at(page), 'utf8'), mark, markdownOf(results, plotsOf))
  return new Map([
    [page, text],
    [resultsFile, jsonOf(results)],
    ...[...plots].map(([file, svg]) => [`${folder}/${file}`, svg] as const),
  ])
}

/** A run a line: changes can be read, and the file stays short. */
export function jsonOf(results: Results): string {
  const runs: string[] = []
  const placed = JSON.stringify(
    results,
    (key, value: unknown) =>
      key === 'runs' && Array.isArray(value) ? value.map((run) => runs.push(JSON.stringify(run)) - 1) : value,
    2,
  )
  // The numbers of the runs stand on lines of their own.
  const lines = placed.replace(/"runs": \[([\s\d,]+)\]/g, (all, numbers: string) =>
    all.replace(
      numbers,
      numbers.replaceAll(/\d+/g, (number) => runs[Number(number)] ?? number),
    ),
  )
  return `${lines}\n`
}

/** Writes them, in place of all that was there. */
export async function writeDocuments(results: Results): Promise<string[]> {
  const documents = await documentsOf(results)
  mkdirSync(at(folder), { recursive: true })
  for (const file of readdirSync(at(folder))) rmSync(at(join(folder, file)))
  for (const [file, text] of documents) writeFileSync(at(file), text)
  return [...documents.keys()]
}
