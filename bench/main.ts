// `make bench`: measures, shows its progress, prints tables and targets; `--help` lists the options. Ctrl-C stops
// everything that was started.
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { exitCode } from '#app/exit-code.ts'
import { terminalType } from '../cmd/ingester/screen.ts'
import { TerminalOutput } from '../cmd/ingester/terminal-output.ts'
import { projectDir } from '../test/support/program.ts'
import { benches, quick } from './benches.ts'
import { reportResults, refuseToWrite } from './summary.ts'
import type { Run } from './configuration.ts'
import { writeFigure } from './figures.ts'
import { benchHelp } from './help.ts'
import { ResultsFile, readResults } from './results-file.ts'
import type { Failure, Measured, Results } from './results.ts'
import { resultsOf, thisMachine } from './results.ts'
import { runAll } from './run-all.ts'
import type { Listener } from './run-all.ts'
import type { Turn } from './schedule.ts'
import { scheduleOf } from './schedule.ts'
import { BenchServices } from './bench-services.ts'
import { UsageError, asksForHelp, parseOptions } from './cli-options.ts'
import type { CliOptions } from './cli-options.ts'

const interrupted = 130
const signals = ['SIGINT', 'SIGTERM'] as const

/** Ignored by git; those of --quick must not overwrite an hour's work. */
const pathOf = (isQuick: boolean) =>
  join(projectDir, `.tmp/bench/${isQuick ? 'results-quick' : 'results'}.json`)

async function main(argv: readonly string[]): Promise<number> {
  if (asksForHelp(argv)) {
    console.log(benchHelp())
    return exitCode.done
  }
  const stopping = new AbortController()
  using _ = stoppedBySignals(stopping)
  try {
    const options = parseOptions(argv, process.env, benches)
    const outcome =
      options.from === undefined
        ? await measure(options, stopping.signal)
        : await readAgain(options.from, options.write)
    return await report(outcome, options)
  } catch (error) {
    if (stopping.signal.aborted) return interrupted
    console.error(error instanceof Error ? error.message : error)
    return error instanceof UsageError ? exitCode.usage : exitCode.unexpected
  }
}

/** The first one stops everything gracefully, which takes a while; the third one does not wait for that. */
function stoppedBySignals(stopping: AbortController): Disposable {
  let count = 0
  const stop = () => {
    count += 1
    stopping.abort(new Error('stopped'))
    if (count === 2) console.error('Stopping what was started; press Ctrl-C again to exit at once.')
    // Everything that was started is killed with this process.
    if (count >= 3) process.exit(interrupted)
  }
  for (const signal of signals) process.on(signal, stop)
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, stop)
    },
  }
}

interface Outcome {
  readonly results: Results
  /** Where they are; undefined where they could not be written. */
  readonly file: string | undefined
}

/** @throws UsageError */
async function readAgain(file: string, write: boolean): Promise<Outcome> {
  const results = readResults(file)
  if (write) {
    const { benchesThere } = await import('./documents.ts')
    const there = benchesThere().filter((name) => benches.some((bench) => bench.name === name))
    refuseToWrite(results, there)
  }
  return { results, file }
}

async function measure({ benches, runs, quick: isQuick }: CliOptions, signal: AbortSignal): Promise<Outcome> {
  if (process.platform !== 'linux') throw new UsageError('The benchmarks read /proc, so they need Linux.')
  const began = performance.now()
  const chosen = isQuick ? benches.map(quick) : benches
  const turns = scheduleOf(chosen, runs)
  const failures: Failure[] = []
  using output = new TerminalOutput(process.stderr, terminalType())
  const [loadBefore = 0] = loadavg()
  const file = new ResultsFile(pathOf(isQuick), (line) => output.say(line))
  await using services = await BenchServices.start(signal)
  const machine = thisMachine({ ...(await services.facts()), loadBefore })
  const resultsSoFar = (measured: Measured, finished: boolean) => {
    const minutes = Math.ceil((performance.now() - began) / 60_000)
    return resultsOf(chosen, measured, machine, { quick: isQuick, minutes, finished, failures })
  }
  let place = 0
  let line = () => ''
  using _ticking = ticking(() => output.progress(line))
  const results = resultsSoFar(await runAll(turns, services, listener(), signal), true)
  return { results, file: file.write(results) ? file.file : undefined }

  function listener(): Listener {
    return {
      begins: (turn, secondsLeft) => {
        place += 1
        const began = performance.now()
        line = () => {
          const left = Math.max(0, secondsLeft - (performance.now() - began) / 1000)
          return `${place} of ${turns.length}: ${nameOf(turn)} … ${minutes(left)} to go`
        }
        if (output.canDraw) output.progress(line)
        else output.say(line())
      },
      ended: (turn, run, soFar) => {
        output.say(`${nameOf(turn)}: ${headline(run)}`)
        // Kept, whatever happens later.
        file.write(resultsSoFar(soFar, false))
      },
      failed: (turn, error) => {
        const { bench, configuration, round } = turn
        failures.push({ bench: bench.name, configuration: configuration.name, round, why: error.message })
        output.say(`✗ ${nameOf(turn)}: ${error.message}`)
      },
    }
  }
}

/** Redraws the time left each second. */
function ticking(draw: () => void): Disposable {
  const timer = setInterval(draw, 1000)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

const nameOf = ({ bench, configuration, round }: Turn) => `${bench.name}, ${configuration.name}, run ${round}`

const minutes = (seconds: number) =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`

/** The main figure of a run, for its progress line. */
function headline({ figures }: Run): string {
  const { messagesPerSecond, ownCpu, ackedP50, ackedP99, firstAckSeconds } = figures
  if (firstAckSeconds !== undefined)
    return `first ack after ${writeFigure('firstAckSeconds', firstAckSeconds)} s`
  if (ackedP50 !== undefined && ackedP99 !== undefined)
    return `to ack p50 ${writeFigure('ackedP50', ackedP50)} ms, p99 ${writeFigure('ackedP99', ackedP99)} ms`
  const rate = writeFigure('messagesPerSecond', messagesPerSecond ?? 0)
  return `${rate} messages/s, ${writeFigure('ownCpu', ownCpu ?? 0)} CPU-s per million`
}

async function report({ results, file }: Outcome, options: CliOptions): Promise<number> {
  const code = await reportResults(results, file !== undefined, options, {
    print: (text) => console.log(text),
    report: (text) => console.error(text),
    // The library that draws is large.
    write: async (measured) => (await import('./documents.ts')).writeDocuments(measured),
  })
  if (file !== undefined && options.from === undefined) console.error(`\nResults: ${file}`)
  return code
}

process.exitCode = await main(process.argv.slice(2))
// An abandoned run ends with its processes, which are killed with this one.
if (process.exitCode === interrupted) process.exit()
