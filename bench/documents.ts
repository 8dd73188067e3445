import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectDir } from '../test/support/program.ts'
import { withTable } from '../test/support/table-in-docs.ts'
import { plotsOf, renderPlots } from './plots.ts'
import { cacheTable, markdownOf } from './report.ts'
import type { Results } from './results.ts'
import { jsonOf } from './results.ts'

const page = 'docs/BENCHMARKS.md'
/** What Redis costs and spares stands there, too. */
const cachePage = 'docs/CACHE.md'
const folder = 'docs/benchmarks'
export const resultsFile = `${folder}/results.json`
const mark = 'benchmarks'
const cacheMark = 'cache'

const at = (file: string) => join(projectDir, file)

/** Everything that is made from results, by path: the page, a table of another, the plots, and the results themselves. */
export async function documentsOf(results: Results): Promise<Map<string, string>> {
  const plots = await renderPlots(results)
  const text = withTable(readFileSync(at(page), 'utf8'), mark, markdownOf(results, plotsOf))
  return new Map([
    [page, text],
    [cachePage, withTable(readFileSync(at(cachePage), 'utf8'), cacheMark, cacheTable(results))],
    [resultsFile, jsonOf(results)],
    ...[...plots].map(([file, svg]) => [`${folder}/${file}`, svg] as const),
  ])
}

/** Names of the benches that the document has now. */
export function benchesThere(): string[] {
  if (!existsSync(at(resultsFile))) return []
  const { benches } = JSON.parse(readFileSync(at(resultsFile), 'utf8')) as Results
  return benches.map(({ name }) => name)
}

/** Writes them, in place of all that was there. */
export async function writeDocuments(results: Results): Promise<string[]> {
  const documents = await documentsOf(results)
  mkdirSync(at(folder), { recursive: true })
  for (const file of readdirSync(at(folder))) rmSync(at(join(folder, file)))
  for (const [file, text] of documents) writeFileSync(at(file), text)
  return [...documents.keys()]
}
