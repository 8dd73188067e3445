import { dirname, relative } from 'node:path'
import type { Reporter, Vitest } from 'vitest/node'

/** What is used of istanbul's CoverageMap. */
interface CoverageMap {
  files(): string[]
  fileCoverageFor(file: string): { toSummary(): { lines: Count; branches: Count } }
}

interface Count {
  readonly total: number
  readonly covered: number
}

/** Prints how much of each module the tests run; each file is in coverage/index.html. */
export class CoverageReporter implements Reporter {
  #root = ''

  onInit({ config }: Vitest): void {
    this.#root = config.root
  }

  onCoverage(coverage: unknown): void {
    const map = coverage as CoverageMap
    const files = map.files().map((file) => {
      const { lines, branches } = map.fileCoverageFor(file).toSummary()
      // Of src/postgres/doctor/checks.ts it is src/postgres.
      return { module: dirname(relative(this.#root, file)).split('/').slice(0, 2).join('/'), lines, branches }
    })
    const modules = Object.groupBy(files, ({ module }) => module)
    const rows = Object.entries(modules).map(([name, group = []]) => rowOf(name, group))
    const header = `${'module'.padEnd(20)}${'lines'.padStart(9)}${'branches'.padStart(10)}`
    console.log(['', header, ...rows.sort(), rowOf('all', files)].join('\n'))
  }
}

function rowOf(name: string, files: readonly { lines: Count; branches: Count }[]): string {
  const percent = (counts: readonly Count[]) => {
    const sum = (of: keyof Count) => counts.reduce((total, count) => total + count[of], 0)
    return sum('total') === 0 ? '–' : `${((100 * sum('covered')) / sum('total')).toFixed(1)}%`
  }
  const lines = percent(files.map((file) => file.lines))
  const branches = percent(files.map((file) => file.branches))
  return `${name.padEnd(20)}${lines.padStart(9)}${branches.padStart(10)}`
}
