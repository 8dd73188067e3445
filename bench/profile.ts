// `make profile`: a CPU profile of the ingester under load, and where its time goes: by package, then by function. `--help`
// lists the options.
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exitCode } from '#app/exit-code.ts'
import { table } from '../cmd/ingester/table.ts'
import { projectDir } from '../test/support/program.ts'
import { benches, quick } from './benches.ts'
import type { Configuration } from './configuration.ts'
import { profileHelp } from './help.ts'
import type { CpuProfile } from './profile-table.ts'
import { functionSheet, packageSheet, selfTimes } from './profile-table.ts'
import type { Sheet } from './report.ts'
import { marksOf, setUpRun } from './run-fixture.ts'
import { BenchServices } from './bench-services.ts'
import { UsageError, asksForHelp, parseProfileOptions } from './cli-options.ts'

/** Of the last profile that succeeded. */
const kept = join(projectDir, '.tmp/profile')
/** Until it is there. */
const folder = `${kept}.new`
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
  await using services = await BenchServices.start(signal)
  const { workload } = configuration
  await using fixture = await setUpRun(configuration, services, marksOf(configuration), {
    NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}`,
  })
  const { system } = fixture
  await system.reached(workload.warmUp)
  const fromUs = monotonicUs()
  await system.reached(workload.messages)
  const toUs = monotonicUs()
  await system.stop()
  await fixture.checkTable()
  const [name] = readdirSync(folder)
  if (!name) throw new Error(`no profile was written to ${folder}`)
  rmSync(kept, { recursive: true, force: true })
  renameSync(folder, kept)
  const file = join(kept, name)
  return { profile: JSON.parse(readFileSync(file, 'utf8')) as CpuProfile, file, fromUs, toUs }
}

async function main(argv: readonly string[], signal: AbortSignal): Promise<void> {
  if (asksForHelp(argv)) return console.log(profileHelp())
  const options = parseProfileOptions(argv, process.env, benches)
  if (process.platform !== 'linux') throw new UsageError('The benchmarks read /proc, so they need Linux.')
  const bench = options.quick ? quick(options.bench) : options.bench
  const configuration = bench.configurations[0] as Configuration
  console.error(`${bench.name}, ${configuration.name} …`)
  const { profile, file, fromUs, toUs } = await runProfiled(configuration, signal)
  const times = selfTimes(profile, fromUs, toUs)
  const sheets = { packages: packageSheet(times), functions: functionSheet(times, mostFunctions) }
  if (options.json) console.log(JSON.stringify(sheets))
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
    // Everything that was started is killed with this process.
    process.exit(interrupted)
  })
}
try {
  await main(process.argv.slice(2), stopping.signal)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof UsageError ? exitCode.usage : exitCode.unexpected
}
