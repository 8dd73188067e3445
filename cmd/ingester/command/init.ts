import { Command, Option } from 'commander'
import type { Asker, InitialMapping } from '#authoring/init.ts'
import { shellWord } from '#core/fix.ts'
import type { TableMode } from '#core/pipeline.ts'
import { tableModes } from '#core/pipeline.ts'
import { plain } from '#core/plain.ts'
import { argument } from '#argv/argument.ts'
import { programName } from '#runtime/program-name.ts'
import { askText, askWhich, isInteractive } from '../ask.ts'

interface Options {
  readonly table: string
  readonly subscription?: string
  readonly topic?: string
  readonly mode?: TableMode
  readonly key?: readonly string[]
  readonly version?: readonly string[]
  readonly out?: string
  readonly force?: boolean
  readonly envFile?: string
  readonly json?: boolean
}

export function initCommand(): Command {
  return new Command('init')
    .summary('write a mapping file for a table')
    .description('Write a mapping file for a table: from messages of a subscription to its rows.')
    .requiredOption('--table <table>', 'table, with or without its schema')
    .option('--subscription <id>', 'where the messages come from')
    .option('--topic <id>', 'topic of the subscription')
    .addOption(
      new Option('--mode <mode>', 'which rows the table holds (default: newest)').choices(tableModes),
    )
    .option('--key <columns>', 'columns that identify a row (default: the primary key)', columnNames)
    .option('--version <columns>', 'columns that tell newer rows from older ones', columnNames)
    .option('--out <file>', 'file to write, - prints it (default: <table>.pipeline.yaml)')
    .option('--force', 'overwrite a file that exists')
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--json', 'print one JSON object, and ask nothing')
    .addHelpText(
      'before',
      `Examples:
  ${programName} init --table orders --env-file .env
  ${programName} init --table sales.orders --subscription orders-sub --version updated_at --out -

On a terminal it asks what it cannot know. It needs INGESTER_POSTGRES_USER, _PASSWORD, _DB (_HOST, _PORT, _SSL_MODE).
`,
    )
    .action(run)
}

const columnNames = argument((text: string) => {
  const names = text.split(',').map((one) => one.trim())
  if (names.includes('')) throw new Error(`must be names of columns, separated by commas, not "${text}"`)
  return names
})

async function run({ envFile, json, ...options }: Options, command: Command): Promise<void> {
  if (json && options.out === '-') command.error('error: --json and --out - both print: leave one out')
  const { initMapping } = await import('#authoring/init.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const asker = !json && isInteractive() ? await terminalAsker() : undefined
  const done = await initMapping(loadDatabaseConfig({ envFile }), options, asker)
  if (!done) return console.error('nothing was written')
  const { file, mode, key, version, reasons, columns } = done
  if (json) console.log(JSON.stringify({ file, mode, key, version, reasons, columns }))
  else if (file === null) process.stdout.write(done.text)
  console.error(plain(await summary(done, envFile), 'lines'))
}

async function terminalAsker(): Promise<Asker> {
  const { resourceFault } = await import('#authoring/names.ts')
  return {
    subscription: (guess) =>
      askText('Which subscription do the messages come from?', guess, (text) =>
        resourceFault('subscription', text),
      ),
    topic: (guess) =>
      askText('Which topic does it belong to?', guess, (text) => resourceFault('topic', text)),
    version: (candidates) =>
      askWhich(
        'Which column tells newer rows from older ones?',
        candidates.map(({ name, type }) => ({ name, hint: type })),
      ),
  }
}

/** What was picked, and what to do next. */
async function summary(
  { file, suggestedFile, mode, key, version, reasons }: InitialMapping,
  envFile?: string,
): Promise<string> {
  const { commandLine } = await import('#connect/explain.ts')
  const word = shellWord(file ?? suggestedFile)
  return [
    file === null ? `to continue, save it as ${word}` : `wrote ${word}`,
    ...(mode === 'newest' ? [] : [`  mode: ${mode}`]),
    ...(reasons.key === null ? [] : [`  key: ${key.join(', ')} (${reasons.key})`]),
    ...(reasons.version === null ? [] : [`  version: ${version.join(', ')} (${reasons.version})`]),
    'next:',
    `  ${commandLine(`check ${word}`, envFile)}`,
    `  ${commandLine(`try ${word} --input messages.jsonl`, envFile)}`,
    `  ${commandLine(`run --pipeline ${word}`, envFile)}`,
  ].join('\n')
}
