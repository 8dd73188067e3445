// `make bench`: measures, says how far it is, prints tables and what must hold. BENCH names one or more benches, RUNS says
// how often; --json prints the results, --write puts them into docs/, --quick takes a hundredth of the messages. Ctrl-C
// ends everything that was started.
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { exitCode } from '#app/exit-code.ts'
import { table } from '../cmd/ingester/table.ts'
import { Talk } from '../cmd/ingester/talk.ts'
import { projectDir } from '../test/support/program.ts'
import { barsOf } from './bars.ts'
import { benches, quick } from './benches.ts'
import { writeFigure } from './figures.ts'
import type { Run } from './configuration.ts'
import { barSheet, machineLine, seriesSheet, sheetOf } from './report.ts'
import type { Sheet } from './report.ts'
import type { Failure, Measured, Results } from './results.ts'
import { jsonOf, resultsOf, thisMachine } from './results.ts'
import { runAll } from './run-all.ts'
import type { Listener } from './run-all.ts'
import type { Turn } from './schedule.ts'
import { scheduleOf } from './schedule.ts'
import { Surroundings } from './surroundings.ts'
import { UsageError, wantedOf } from './wanted.ts'
import type { Wanted } from './wanted.ts'

const interrupted = 130

/** Results go here, where git does not look. */
const folder = join(projectDir, '.tmp/bench')
const file = join(folder, 'results.json')

async function main(): Promise<number> {
  const stopping = new AbortController()
  const stop = () => stopping.abort(new Error('stopped'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    if (process.platform !== 'linux') throw new UsageError('The benchmarks read /proc, so they need Linux.')
    const wanted = wantedOf(process.argv.slice(2), process.env, benches)
    const results = await measure(wanted, stopping.signal)
    await report(results, wanted)
    return results.failures.length > 0 ? exitCode.checkFailed : exitCode.done
  } catch (error) {
    if (stopping.signal.aborted) return interrupted
    console.error(error instanceof Error ? error.message : error)
    return error instanceof UsageError ? exitCode.usage : exitCode.unexpected
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
  }
}

async function measure({ benches, runs, quick: isQuick }: Wanted, signal: AbortSignal): Promise<Results> {
  const began = performance.now()
  const chosen = isQuick ? benches.map(quick) : benches
  const turns = scheduleOf(chosen, runs)
  const failures: Failure[] = []
  using talk = new Talk(process.stderr)
  const [loadBefore = 0] = loadavg()
  await using surroundings = await Surroundings.start(signal)
  const machine = thisMachine({ ...(await surroundings.facts()), loadBefore })
  const resultsSoFar = (measured: Measured) => {
    const minutes = Math.ceil((performance.now() - began) / 60_000)
    return resultsOf(chosen, measured, machine, { quick: isQuick, minutes, failures })
  }
  let place = 0
  let line = () => ''
  using _ticking = ticking(() => talk.progress(line()))
  const measured = await runAll(turns, surroundings, listener(), signal)
  return resultsSoFar(measured)

  function listener(): Listener {
    return {
      begins: (turn, secondsLeft) => {
        place += 1
        const began = performance.now()
        line = () => {
          const left = Math.max(0, secondsLeft - (performance.now() - began) / 1000)
          return `${place} of ${turns.length}: ${nameOf(turn)} … ${minutes(left)} to go`
        }
        if (process.stderr.isTTY) talk.progress(line())
        else talk.say(line())
      },
      ended: (turn, run, soFar) => {
        talk.say(`${nameOf(turn)}: ${glimpse(run)}`)
        // Whatever happens later, this is kept.
        keep(resultsSoFar(soFar))
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

function keep(results: Results): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, jsonOf(results))
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

async function report(results: Results, { json, write }: Wanted): Promise<void> {
  keep(results)
  if (json) console.log(JSON.stringify(results))
  else console.log(textOf(results))
  console.error(`\nResults: ${file}`)
  if (results.failures.length > 0) console.error(`\nFailed, and in no table:\n${failuresOf(results)}`)
  else if (write) {
    // The library that draws is large.
    const { writeDocuments } = await import('./documents.ts')
    console.error(`Written: ${(await writeDocuments(results)).join(', ')}`)
  }
}

function failuresOf({ failures }: Results): string {
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

/** What must hold, as far as it was measured. */
function verdictOf(results: Results): string {
  if (results.quick) return 'With --quick: these figures say nothing.'
  const bars = barsOf(results).filter(({ holds }) => holds !== undefined)
  return bars.length > 0 ? terminalTable(barSheet(bars)) : ''
}

function terminalTable({ head, rows }: Sheet): string {
  return table(head, rows, undefined, head.map((_, i) => i).slice(1))
}

/** A bench has more figures than a terminal has columns: a line each. */
function turned({ head, rows }: Sheet): string {
  const columns = head.slice(1).map((label, i) => [label, ...rows.map((row) => row[i + 1] ?? '')])
  return terminalTable({ head: ['', ...rows.map(([name = '']) => name)], rows: columns })
}

process.exitCode = await main()
// A run that nobody waits for any more ends with the processes that end with this one.
if (process.exitCode === interrupted) process.exit()
