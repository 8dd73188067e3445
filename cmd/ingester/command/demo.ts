import { Command, Option } from 'commander'
import { exitCode } from '#app/exit-code.ts'
import { argument, checkShares, whole } from '#argv/argument.ts'
import { processEnvironment } from '#config/environment.ts'
import { parseDuration, parsePercentage } from '#config/values.ts'
import { programName } from '#runtime/program-name.ts'
import { terminalType } from '../screen.ts'
import { stopSignals } from '../stop-signals.ts'

const duration = argument(parseDuration)
const percentage = argument(parsePercentage)

interface Options {
  readonly for?: number
  readonly rate: number
  readonly duplicates: number
  readonly late: number
  readonly poison: number
  readonly replicas: number
  readonly seed: number
  readonly json?: boolean
  readonly logs?: boolean
}

export function demoCommand(): Command {
  return new Command('demo')
    .summary('run everything on this machine, with sample messages')
    .description('Run everything on this machine: PostgreSQL, Redis, Pub/Sub emulator, scanner, ingester.')
    .option(
      '--for <duration>',
      'publish for this long, then compare the table with what was published',
      duration,
    )
    .option('--rate <n>', 'messages a second', whole(1), 500)
    .option('--duplicates <percent>', 'share of messages published again', percentage, 10)
    .option('--late <percent>', 'share of messages out of order', percentage, 20)
    .option('--poison <percent>', 'share of messages that cannot be stored', percentage, 1)
    .option('--replicas <n>', 'number of ingesters', whole(1), 1)
    .addOption(
      new Option('--seed <n>', 'seed of the generated messages')
        .argParser(whole(0))
        .default(Date.now() % 2 ** 32, 'random'),
    )
    .option('--json', 'with --for: print the summary as one JSON object, last on stdout')
    .option('--logs', "show the log instead of the terminal's live view")
    .addHelpText(
      'before',
      `Examples:
  ${programName} demo                                      until Ctrl-C
  ${programName} demo --for 20s --rate 2000 --json         checks itself: exit 0 if the table is right, else 4
  ${programName} demo --for 1m --replicas 3 --late 50 --logs
`,
    )
    .action(async (options: Options, command: Command) => {
      checkShares(command, options)
      if (options.json && options.for === undefined) command.error('error: --json requires --for')
      process.exitCode = await demo(options)
    })
}

async function demo(options: Options): Promise<number> {
  const { runDemo, summaryJson } = await import('#demo/run.ts')
  const { scansDemo } = await import('#demo/scans/scans-demo.ts')
  const { summaryView, verdictLines } = await import('../demo-summary.ts')
  const { demoBlock } = await import('../start-block.ts')
  const { LiveView } = await import('../live-view.ts')
  const { TerminalOutput } = await import('../terminal-output.ts')
  using output = new TerminalOutput(process.stderr, terminalType())
  const isLive = output.canDraw && !options.logs
  const unproven = options.for === undefined ? exitCode.done : exitCode.checkFailed
  let starting = true
  using signals = stopSignals(
    () =>
      output.say(
        `stopping: ${starting ? 'aborting startup' : 'draining in-flight messages'}; press Ctrl-C again to force exit`,
      ),
    // Nothing is in flight yet, and what it started ends with this process.
    () => starting && process.exit(unproven),
  )
  using live = new DisposableStack()

  output.say('starting PostgreSQL, Redis and a Pub/Sub emulator')
  const forMs = options.for
  const result = await runDemo(scansDemo(options), {
    forMs,
    signal: signals.stop,
    forceStop: signals.forceStop,
    environment: processEnvironment(),
    report: (line) => output.say(`  ${line}`),
    writeLog: isLive ? (lines) => output.say(lines.trimEnd()) : undefined,
    started: (running) => {
      starting = false
      output.keep(demoBlock(running, { forMs }).join('\n'))
      if (isLive) live.use(new LiveView(running, output, options.for))
    },
    settling: (published) => {
      if (!isLive)
        output.say(`${published.toLocaleString('en')} messages published; waiting until all are settled`)
    },
  })
  live.dispose()
  output[Symbol.dispose]()
  if (!result) {
    output.say('interrupted during startup')
    return unproven
  }

  const { nacked, converged } = result.summary
  if (options.for === undefined) {
    output.say(summaryView(result))
    return nacked > 0 ? exitCode.unsettled : exitCode.done
  }
  console.log(options.json ? JSON.stringify(summaryJson(result)) : summaryView(result))
  output.say(verdictLines(result).join('\n'))
  return converged ? exitCode.done : exitCode.checkFailed
}
