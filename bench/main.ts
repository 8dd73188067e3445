// `make bench`: measures, says how far it is, prints tables and what must hold; `--help` says what one can ask for. Ctrl-C
// ends everything that was started.
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { exitCode } from '#app/exit-code.ts'
import { terminalType } from '../cmd/ingester/screen.ts'
import { Talk } from '../cmd/ingester/talk.ts'
import { projectDir } from '../test/support/program.ts'
import { benches, quick } from './benches.ts'
import { conclude, refuseToWrite } from './conclusion.ts'
import type { Run } from './configuration.ts'
import { writeFigure } from './figures.ts'
import { benchHelp } from './help.ts'
import { KeptResults, readResults } from './kept-results.ts'
import type { Failure, Measured, Results } from './results.ts'
import { resultsOf, thisMachine } from './results.ts'
import { runAll } from './run-all.ts'
import type { Listener } from './run-all.ts'
import type { Turn } from './schedule.ts'
import { scheduleOf } from './schedule.ts'
import { Surroundings } from './surroundings.ts'
import { UsageError, asksForHelp, wantedOf } from './wanted.ts'
import type { Wanted } from './wanted.ts'

const interrupted = 130
const signals = ['SIGINT', 'SIGTERM'] as const

/** Results go here, where git does not look; those of --quick are not to cost anybody an hour's. */
const fileOf = (isQuick: boolean) =>
  join(projectDir, `.tmp/bench/${isQuick ? 'results-quick' : 'results'}.json`)

async function main(argv: readonly string[]): Promise<number> {
  if (asksForHelp(argv)) {
    console.log(benchHelp())
    return exitCode.done
  }
  const stopping = new AbortController()
  using _ = stoppedBySignals(stopping)
  try {
    const wanted = wantedOf(argv, process.env, benches)
    const outcome =
      wanted.from === undefined
        ? await measure(wanted, stopping.signal)
        : await readAgain(wanted.from, wanted.write)
    return await report(outcome, wanted)
  } catch (error) {
    if (stopping.signal.aborted) return interrupted
    console.error(error instanceof Error ? error.message : error)
    return error instanceof UsageError ? exitCode.usage : exitCode.unexpected
  }
}

/** The first one ends everything in peace, which takes its time; a third one does not wait for that. */
function stoppedBySignals(stopping: AbortController): Disposable {
  let count = 0
  const stop = () => {
    count += 1
    stopping.abort(new Error('stopped'))
    if (count === 2) console.error('Ending what was started; once more leaves at once.')
    // Whatever was started ends with this process.
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

async function measure({ benches, runs, quick: isQuick }: Wanted, signal: AbortSignal): Promise<Outcome> {
  if (process.platform !== 'linux') throw new UsageError('The benchmarks read /proc, so they need Linux.')
  const began = performance.now()
  const chosen = isQuick ? benches.map(quick) : benches
  const turns = scheduleOf(chosen, runs)
  const failures: Failure[] = []
  using talk = new Talk(process.stderr, terminalType())
  const [loadBefore = 0] = loadavg()
  const kept = new KeptResults(fileOf(isQuick), (line) => talk.say(line))
  await using surroundings = await Surroundings.start(signal)
  const machine = thisMachine({ ...(await surroundings.facts()), loadBefore })
  const resultsSoFar = (measured: Measured, finished: boolean) => {
    const minutes = Math.ceil((performance.now() - began) / 60_000)
    return resultsOf(chosen, measured, machine, { quick: isQuick, minutes, finished, failures })
  }
  let place = 0
  let line = () => ''
  using _ticking = ticking(() => talk.progress(line))
  const results = resultsSoFar(await runAll(turns, surroundings, listener(), signal), true)
  return { results, file: kept.keep(results) ? kept.file : undefined }

  function listener(): Listener {
    return {
      begins: (turn, secondsLeft) => {
        place += 1
        const began = performance.now()
        line = () => {
          const left = Math.max(0, secondsLeft - (performance.now() - began) / 1000)
          return `${place} of ${turns.length}: ${nameOf(turn)} … ${minutes(left)} to go`
        }
        if (talk.canDraw) talk.progress(line)
        else talk.say(line())
      },
      ended: (turn, run, soFar) => {
        talk.say(`${nameOf(turn)}: ${glimpse(run)}`)
        // Whatever happens later, this is kept.
        kept.keep(resultsSoFar(soFar, false))
      },
      failed: (turn, error) => {
        const { bench, configuration, round } = turn
        failures.push({ bench: bench.name, configuration: configuration.name, round, why: error.message })
        talk.say(`✗ ${nameOf(turn)}: ${error.message}`)
      },
    }
  }
}

/** The time that is left, each second anew. */
function ticking(draw: () => void): Disposable {
  const timer = setInterval(draw, 1000)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

const nameOf = ({ bench, configuration, round }: Turn) => `${bench.name}, ${configuration.name}, run ${round}`

const minutes = (seconds: number) =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`

/** One figure for who waits. */
function glimpse({ figures }: Run): string {
  const { messagesPerSecond, contestantCpu, ackedP50, ackedP99, firstAckSeconds } = figures
  if (firstAckSeconds !== undefined)
    return `first ack after ${writeFigure('firstAckSeconds', firstAckSeconds)} s`
  if (ackedP50 !== undefined && ackedP99 !== undefined)
    return `to ack p50 ${writeFigure('ackedP50', ackedP50)} ms, p99 ${writeFigure('ackedP99', ackedP99)} ms`
  const rate = writeFigure('messagesPerSecond', messagesPerSecond ?? 0)
  return `${rate} messages/s, ${writeFigure('contestantCpu', contestantCpu ?? 0)} CPU-s per million`
}

async function report({ results, file }: Outcome, wanted: Wanted): Promise<number> {
  const code = await conclude(results, file !== undefined, wanted, {
    print: (text) => console.log(text),
    tell: (text) => console.error(text),
    // The library that draws is large.
    write: async (measured) => (await import('./documents.ts')).writeDocuments(measured),
  })
  if (file !== undefined && wanted.from === undefined) console.error(`\nResults: ${file}`)
  return code
}

process.exitCode = await main(process.argv.slice(2))
// A run that nobody waits for any more ends with the processes that end with this one.
if (process.exitCode === interrupted) process.exit()
