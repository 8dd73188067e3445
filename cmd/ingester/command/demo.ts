import { Command, Option } from 'commander'
import { exitCode } from '#app/exit-code.ts'
import type { DemoSystem } from '#demo/system.ts'
import { argument, checkShares, whole } from '#argv/argument.ts'
import { processEnvironment } from '#config/environment.ts'
import { parseDuration, parsePercentage } from '#config/values.ts'
import { programName } from '#runtime/program-name.ts'
import type { DemoSettings, GivenOptions } from '../demo-options.ts'
import { defaultsOf, demoSettings } from '../demo-options.ts'
import { terminalType } from '../screen.ts'
import { stopSignals } from '../stop-signals.ts'

const duration = argument(parseDuration)
const percentage = argument(parsePercentage)

interface Options extends GivenOptions {
  readonly json?: boolean
  readonly logs?: boolean
}

export function demoCommand(): Command {
  return new Command('demo')
    .summary('run everything on this machine, with sample messages')
    .description('Run a whole system on this machine, with all that it needs and messages for it.')
    .option('--pipeline <name>', 'scans or increments', 'scans')
    .option('--for <duration>', 'publish for this long, then check the table', duration)
    .option('--rate <n>', `messages a second ${defaultsOf('rate')}`, whole(1))
    .option('--duplicates <percent>', `share of duplicates ${defaultsOf('duplicates')}`, percentage)
    .option('--late <percent>', `share out of order ${defaultsOf('late')}`, percentage)
    .option('--poison <percent>', `share that cannot be stored ${defaultsOf('poison')}`, percentage)
    .option('--replicas <n>', `number of ingesters ${defaultsOf('replicas')}`, whole(1))
    .option('--gateways <n>', `number of gateways ${defaultsOf('gateways')}`, whole(1))
    .option('--no-kills', 'kill no gateway and no ingester with -9 (increments)')
    .option('--pause-broker <time>', 'pause the broker in the middle (increments)', duration)
    .addOption(
      new Option('--seed <n>', 'seed of the generated messages')
        .argParser(whole(0))
        .default(Date.now() % 2 ** 32, 'random'),
    )
    .option('--json', 'with --for: print the summary as JSON, last on stdout')
    .option('--logs', "show the log instead of the terminal's live view")
    .addHelpText(
      'before',
      `Examples:
  ${programName} demo                                      until Ctrl-C
  ${programName} demo --for 20s --rate 2000 --json         checks itself: exit 0 if the table is right, else 4
  ${programName} demo --pipeline increments --for 30s      HTTP requests to three gateways, summed up by key
`,
    )
    .action(async (options: Options, command: Command) => {
      // Without the option it is not known whether it was given: commander makes it true.
      const { kills, ...rest } = options
      const settings = demoSettings(kills === false ? { ...rest, kills } : rest)
      if (settings.pipeline === 'scans') checkShares(command, settings)
      if (options.json && options.for === undefined) command.error('error: --json requires --for')
      process.exitCode = await demo(settings, options)
    })
}

async function systemOf(settings: DemoSettings): Promise<DemoSystem> {
  if (settings.pipeline === 'scans') {
    const { scansDemo } = await import('#demo/scans/scans-demo.ts')
    return scansDemo(settings)
  }
  const { incrementsDemo } = await import('#demo/increments/increments-demo.ts')
  return incrementsDemo(settings)
}

async function demo(settings: DemoSettings, options: Options): Promise<number> {
  const { runDemo, summaryJson } = await import('#demo/run.ts')
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

  const system = await systemOf(settings)
  output.say(`starting ${system.redis ? 'PostgreSQL, Redis' : 'PostgreSQL'} and a Pub/Sub emulator`)
  const forMs = options.for
  const result = await runDemo(system, {
    forMs,
    signal: signals.stop,
    forceStop: signals.forceStop,
    environment: processEnvironment(),
    report: (line) => output.say(`  ${line}`),
    writeLog: isLive ? (lines) => output.say(lines.trimEnd()) : undefined,
    started: (running) => {
      starting = false
      output.keep(demoBlock(running, { forMs }).join('\n'))
      if (isLive) live.use(new LiveView(running, output, forMs))
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
  if (forMs === undefined) {
    output.say(summaryView(result))
    return nacked > 0 ? exitCode.unsettled : exitCode.done
  }
  console.log(options.json ? JSON.stringify(summaryJson(result)) : summaryView(result))
  output.say(verdictLines(result).join('\n'))
  return converged ? exitCode.done : exitCode.checkFailed
}
