// `make profile`: a CPU profile of the ingester under load, and where its time goes: by package, then by function. BENCH
// names the bench whose first configuration is run; --quick takes a hundredth of the messages; --json prints data.
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exitCode } from '#app/exit-code.ts'
import { table } from '../cmd/ingester/table.ts'
import { projectDir } from '../test/support/program.ts'
import { benches, quick } from './benches.ts'
import type { Configuration } from './configuration.ts'
import type { CpuProfile } from './profile-table.ts'
import { functionSheet, packageSheet, selfTimes } from './profile-table.ts'
import type { Sheet } from './report.ts'
import { marksOf, setStage } from './stage.ts'
import { Surroundings } from './surroundings.ts'
import { UsageError, wantedOf } from './wanted.ts'

const folder = join(projectDir, '.tmp/profile')
const defaultBench = 'updates'
const mostFunctions = 40

interface Profiled {
  readonly profile: CpuProfile
  readonly file: string
  /** After the warm-up, in µs of the monotonic clock. */
  readonly fromUs: number
  readonly toUs: number
}

const monotonicUs = () => Number(process.hrtime.bigint() / 1000n)

async function runProfiled(configuration: Configuration, signal: AbortSignal): Promise<Profiled> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await using surroundings = await Surroundings.start(signal)
  const { workload } = configuration
  await using stage = await setStage(configuration, surroundings, marksOf(configuration), {
    NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}`,
  })
  const { contestants } = stage
  await contestants.reached(workload.warmUp)
  const fromUs = monotonicUs()
  await contestants.reached(workload.messages)
  const toUs = monotonicUs()
  await contestants.stop()
  await stage.checkTable()
  const [name] = readdirSync(folder)
  if (!name) throw new Error(`no profile was written to ${folder}`)
  const file = join(folder, name)
  return { profile: JSON.parse(readFileSync(file, 'utf8')) as CpuProfile, file, fromUs, toUs }
}

async function main(signal: AbortSignal): Promise<void> {
  if (process.platform !== 'linux') throw new UsageError('The benchmarks read /proc, so they need Linux.')
  const environment = { BENCH: process.env['BENCH'] || defaultBench }
  const wanted = wantedOf(process.argv.slice(2), environment, benches)
  const [bench] = wanted.benches
  const [configuration] = (bench && wanted.quick ? quick(bench) : bench)?.configurations ?? []
  if (!bench || !configuration) throw new UsageError('There is nothing to profile.')
  console.error(`${bench.name}, ${configuration.name} …`)
  const { profile, file, fromUs, toUs } = await runProfiled(configuration, signal)
  const times = selfTimes(profile, fromUs, toUs)
  const sheets = { packages: packageSheet(times), functions: functionSheet(times, mostFunctions) }
  if (wanted.json) console.log(JSON.stringify(sheets))
  else console.log(`${written(sheets.packages)}\n\n${written(sheets.functions)}`)
  console.error(`\nThe profile, for the DevTools of a browser: ${file}`)
}

function written({ head, rows }: Sheet): string {
  return table(head, rows, undefined, [1, 2])
}

const stopping = new AbortController()
const interrupted = 130
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    stopping.abort(new Error('stopped'))
    // Whatever was started ends with this process.
    process.exit(interrupted)
  })
}
try {
  await main(stopping.signal)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof UsageError ? exitCode.usage : exitCode.unexpected
}
