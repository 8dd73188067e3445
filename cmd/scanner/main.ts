import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { endingOf, exitCode } from '#app/exit-code.ts'
import { runScanner } from '#app/scanner.ts'
import { loadScannerConfig } from '#config/scanner.ts'
import { parseDuration, parsePercentage, parseWhole } from '#config/values.ts'

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
  .description('Publishes made-up scan results to Pub/Sub, as the demo does.')
  .option('--env-file <file>', 'read variables from a file; the environment goes before it')
  .option('--rate <n>', 'messages a second; 0: as fast as they are taken', whole, 1)
  .option('--count <n>', 'end after so many messages', whole)
  .option('--for <duration>', 'end after so long', argument(parseDuration))
  .option('--duplicates <percent>', 'messages that are published again', argument(parsePercentage), 0)
  .option('--late <percent>', 'messages that are out of order', argument(parsePercentage), 0)
  .option('--poison <percent>', 'messages that cannot be stored', argument(parsePercentage), 0)
  .option('--seed <n>', 'of the generated messages', whole, Date.now() % 2 ** 32)
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

// Whoever reads has seen enough (`| head`): that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

async function scan(options: Options): Promise<void> {
  const { seed, duplicates, late, poison } = options
  if (duplicates + late + poison > 100) {
    program.error('--duplicates, --late and --poison add up to more than 100')
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const target = loadScannerConfig(options.envFile)
  console.error(
    `publishing to ${target.topicId} in ${target.projectId}, ${options.rate || 'any'} a second; seed ${seed}`,
  )
  const published = await runScanner({ ...options, ...target, forMs: options.for, signal: stop.signal })
  console.log(options.json ? JSON.stringify({ published, seed }) : `published ${published} messages`)
}

function whole(text: string): number {
  return argument((value) => parseWhole(value, 0))(text)
}

function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? `It ${error.message}.` : '')
    }
  }
}

function report(error: unknown): number {
  // Commander has told the user already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  const { code, message } = endingOf(error)
  console.error(`scanner: ${message}`)
  return code
}
