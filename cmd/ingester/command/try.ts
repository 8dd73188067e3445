import { Command } from 'commander'
import type { Trial, Tried } from '#authoring/trial.ts'
import { exitCode } from '#app/exit-code.ts'
import { whole } from '#argv/argument.ts'
import { plain } from '#core/plain.ts'
import { programName } from '#runtime/program-name.ts'
import { stopSignals } from '../stop-signals.ts'

interface Options {
  readonly input?: string
  readonly envelope?: boolean
  readonly pull?: number
  readonly subscription?: string
  readonly limit?: number
  readonly envFile?: string
  readonly json?: boolean
}

export function tryCommand(): Command {
  return new Command('try')
    .summary('show what rows become of sample messages')
    .description('Decode sample messages, and show the rows. It writes nothing.')
    .argument('<file>', 'mapping file, or module')
    .option('--input <file>', 'one JSON message a line; - is standard input')
    .option(
      '--envelope',
      'a line is {data (base64) or json, attributes, messageId, publishTime, orderingKey}',
    )
    .option('--pull <n>', 'take up to n from the subscription, and give them back', whole(1, 10_000))
    .option('--subscription <id>', 'another than that of the pipeline')
    .option('--limit <n>', 'maximum number of messages of the input', whole(1))
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--json', '{message, rows, deleted, added, ignored, rejected}')
    .addHelpText(
      'before',
      `Examples:
  ${programName} try orders.pipeline.yaml --input messages.jsonl --env-file .env
  echo '{"order_id": 7}' | ${programName} try orders.pipeline.yaml --env-file .env
  ${programName} try orders.pipeline.yaml --pull 10 --json --env-file .env

Exits with 0 if all messages decode, 4 if one is rejected; 2 if something is invalid, 3 without PostgreSQL.
`,
    )
    .action(run)
}

async function run(file: string, options: Options, command: Command): Promise<void> {
  const conflict = conflictIn(options)
  if (conflict !== undefined) command.error(`error: ${conflict}`)
  const { openTrial } = await import('#authoring/trial.ts')
  const { TrialCounts, trialView } = await import('../trial-view.ts')
  const { envFile } = options
  const trial = await openTrial(file, { envFile })
  const unit = options.pull === undefined ? 'line' : 'message'
  const counts = new TrialCounts()
  for await (const tried of triedIn(trial, options)) {
    counts.add(tried)
    if ('why' in tried)
      console.error(plain(`${options.input ?? '-'}:${tried.line}: ${tried.why}`, 'one line'))
    else if (options.json) console.log(JSON.stringify(tried))
    else console.log(trialView(tried, unit, process.stdout.isTTY ? process.stdout.columns : undefined))
  }
  console.error(counts.summary())
  process.exitCode = counts.rejected > 0 ? exitCode.checkFailed : exitCode.done
}

function conflictIn({ input, pull, envelope, subscription, limit }: Options): string | undefined {
  if (pull !== undefined) {
    if (input !== undefined) return '--pull and --input are two sources of messages: leave one out'
    if (envelope) return '--envelope is for --input: a message that is pulled has all of it'
    return limit === undefined ? undefined : '--limit is for --input: --pull says how many itself'
  }
  if (subscription !== undefined) return '--subscription is for --pull'
  if (input === undefined && process.stdin.isTTY)
    return 'no messages: name a file with --input, pipe them in, or take some with --pull'
  return undefined
}

async function* triedIn(trial: Trial, options: Options): AsyncGenerator<Tried> {
  const { input = '-', envelope = false, pull, subscription, limit = Infinity, envFile } = options
  const { openInput, tryLines, tryPulled } = await import('#authoring/trial.ts')
  if (pull !== undefined) {
    using signals = stopSignals()
    const warn = (message: string) => console.error(plain(`warning: ${message}`, 'one line'))
    const sampling = { count: pull, subscription, signal: signals.stop, warn }
    yield* await tryPulled(trial, { envFile }, sampling)
    return
  }
  const lines = input === '-' ? process.stdin : openInput(input)
  yield* tryLines(trial, lines, { envelope, limit, nowMs: Date.now() })
}
