import { Command, Option } from 'commander'
import { runScanner } from '#demo/scans/scanner.ts'
import { argument, checkShares, whole } from '#argv/argument.ts'
import { runProgram } from '#argv/run-program.ts'
import { loadScannerConfig } from '#config/scanner.ts'
import { parseDuration, parsePercentage } from '#config/values.ts'

interface Options {
  readonly envFile?: string
  readonly rate: number
  readonly count?: number
  readonly for?: number
  readonly duplicates: number
  readonly late: number
  readonly poison: number
  readonly seed: number
  readonly json?: boolean
}

const program = new Command('scanner')
  .description('Publishes generated scan results to Pub/Sub, as the demo does.')
  .option('--env-file <file>', 'env file; environment variables take precedence')
  .option('--rate <n>', 'messages a second; 0: as fast as Pub/Sub accepts them', whole(0), 1)
  .option('--count <n>', 'stop after this many messages', whole(0))
  .option('--for <duration>', 'stop after this long', argument(parseDuration))
  .option('--duplicates <percent>', 'share of messages published again', argument(parsePercentage), 0)
  .option('--late <percent>', 'share of messages out of order', argument(parsePercentage), 0)
  .option('--poison <percent>', 'share of messages that cannot be stored', argument(parsePercentage), 0)
  .addOption(
    new Option('--seed <n>', 'seed of the generated messages')
      .argParser(whole(0))
      .default(Date.now() % 2 ** 32, 'random'),
  )
  .option('--json', 'print {"published": n, "seed": n} at the end')
  .showSuggestionAfterError()
  .exitOverride()
  .addHelpText(
    'before',
    `Examples:
  PUBSUB_EMULATOR_HOST=localhost:8085 bin/scanner
  PUBSUB_EMULATOR_HOST=localhost:8085 bin/scanner --count 50000 --rate 0 --duplicates 20 --late 30

It publishes to INGESTER_TOPICID (scan-topic) in INGESTER_PROJECTID (test-project).
`,
  )
  .action(scan)

await runProgram(program)

async function scan(options: Options): Promise<void> {
  const { seed } = options
  checkShares(program, options)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const target = loadScannerConfig(options.envFile)
  console.error(
    `publishing to ${target.topicId} in ${target.projectId}, ${options.rate ? `${options.rate} a second` : 'as fast as Pub/Sub accepts them'}; seed ${seed}`,
  )
  const published = await runScanner({ ...options, ...target, forMs: options.for, signal: stop.signal })
  console.log(options.json ? JSON.stringify({ published, seed }) : `published ${published} messages`)
}
