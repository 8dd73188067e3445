import type { Configuration, Measure, Run } from './configuration.ts'
import { benches } from './benches.ts'
import type { MeasuredBench, Results } from './results.ts'

/** Invented results for tests: each named configuration with one run for each set of figures. */
export function sampleResults(
  runs: Readonly<Record<string, Readonly<Record<string, readonly Run['figures'][]>>>>,
  series: Run['series'] = [],
): Results {
  const measured = Object.entries(runs).map(([name, configurations]): MeasuredBench => {
    const bench = benches.find((one) => one.name === name)
    if (!bench) throw new Error(`unknown bench ${name}`)
    return {
      name,
      title: bench.title,
      shows: bench.shows,
      measure: bench.measure satisfies Measure,
      configurations: Object.entries(configurations).map(([name, figures]) => ({
        ...(bench.configurations.find((one) => one.name === name) as Configuration),
        name,
        runs: figures.map((one) => ({ figures: one, series })),
      })),
    }
  })
  return {
    machine: {
      cpu: 'A processor',
      processors: 2,
      memoryGigabytes: 25,
      os: 'Linux 6.0',
      node: '26.0.0',
      postgres: '18.4',
      redis: '7.0.15',
      durability: { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' },
      fileSystem: 'ext2/ext3',
      loadBefore: 0.02,
      commit: 'abc1234',
      date: '2026-11-22',
    },
    postgresSettings: { shared_buffers: '1GB' },
    quick: false,
    minutes: 61,
    finished: true,
    failures: [],
    benches: measured,
  }
}
