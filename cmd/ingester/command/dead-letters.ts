import { Command, Option } from 'commander'
import type { DeadLetterStatus } from '#core/dead-letter.ts'
import type { Preview, Selection } from '#dead-letters/selection.ts'
import { parseDuration, parseWhole } from '#config/values.ts'
import { exitCode } from '#app/exit-code.ts'
import { adviceText, commandLine } from '#connect/explain.ts'
import { pipelineNameOf } from '#connect/pipelines.ts'
import { pipelineOptionOf } from '#dead-letters/pipeline-argument.ts'
import { argument } from '#argv/argument.ts'
import { programName } from '#runtime/program-name.ts'
import { stopSignals } from '../stop-signals.ts'
import { askWhether, isInteractive } from '../ask.ts'
import { terminalType } from '../screen.ts'

interface Filters {
  readonly envFile?: string
  readonly pipeline?: string
  readonly reason?: readonly string[]
  readonly status: DeadLetterStatus | 'all'
  readonly since?: number
  readonly ids?: readonly number[]
  readonly limit?: number
  readonly json?: boolean
}

interface Changes extends Filters {
  readonly status: DeadLetterStatus
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly anySubscription?: boolean
  readonly asNew?: boolean
}

const whole = (text: string) => parseWhole(text, 1)
const listed = <T>(parse: (text: string) => T) =>
  argument((text: string) => text.split(',').map((one) => parse(one.trim())))
const statuses: readonly DeadLetterStatus[] = ['new', 'redriven', 'discarded']
/** How many dead letters a dry run prints. */
const shown = 20

export function deadLettersCommand(): Command {
  return new Command('dead-letters')
    .summary('inspect and redrive messages that were not stored')
    .description('List, show, redrive or discard messages that were not stored.')
    .addHelpText(
      'before',
      `Examples:
  ${programName} dead-letters list --env-file .env
  ${programName} dead-letters show 12
  ${programName} dead-letters redrive --reason refused-by-database --dry-run
  ${programName} dead-letters discard --ids 12,13

All need INGESTER_POSTGRES_USER, _PASSWORD, _DB and, unless they are the default, _HOST, _PORT, _SSL_MODE;
redrive also needs INGESTER_PROJECTID and, unless it is the default, INGESTER_SUBSCRIPTIONID; for an emulator
PUBSUB_EMULATOR_HOST.
`,
    )
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(redriveCommand())
    .addCommand(discardCommand())
}

function listCommand(): Command {
  return filtered('list', 'list reasons, then the newest dead letters', [...statuses, 'all'])
    .option('--limit <n>', 'maximum number of dead letters', argument(whole), 20)
    .addHelpText(
      'before',
      `Examples:
  ${programName} dead-letters list
  ${programName} dead-letters list --reason bad-ip,bad-port --since 24h
  ${programName} dead-letters list --status all --limit 1000 --json
`,
    )
    .action(list)
}

function showCommand(): Command {
  return common(new Command('show'))
    .description('show one in full, with what to do about it')
    .argument('<id>', 'id from `list`', argument(whole))
    .option(
      '--pipeline <name>',
      'for the commands that it suggests: a name, or the path of a mapping file or a module',
    )
    .addHelpText('before', `Examples:\n  ${programName} dead-letters show 12\n`)
    .action(show)
}

function redriveCommand(): Command {
  return changing(
    'redrive',
    "publish them to the subscription's topic again, once the cause is fixed",
    statuses,
  )
    .option('--any-subscription', 'include dead letters of other subscriptions')
    .option('--as-new', 'publish as new: each counts, even if it had before')
    .addHelpText(
      'before',
      `Examples:
  ${programName} dead-letters redrive --reason refused-by-database --limit 1 --dry-run

All subscriptions of the topic receive them. Ctrl-C finishes the batch. Exit 4: some were not published.
`,
    )
    .action(redrive)
}

function discardCommand(): Command {
  return changing('discard', 'mark as discarded (rows are kept)', ['new', 'redriven'])
    .addHelpText(
      'before',
      `Examples:
  ${programName} dead-letters discard --ids 12
  ${programName} dead-letters discard --reason not-json --yes
`,
    )
    .action(discard)
}

function changing(name: string, description: string, choices: readonly string[]): Command {
  return filtered(name, description, choices)
    .option('--limit <n>', 'maximum number, earliest first', argument(whole))
    .option('--dry-run', 'show what would be done, without doing it')
    .option('--yes', 'do not ask for confirmation')
}

function filtered(name: string, description: string, choices: readonly string[]): Command {
  return common(new Command(name))
    .description(description)
    .option('--pipeline <name>', 'only of this pipeline (its name, mapping file or module)')
    .option('--reason <reasons>', 'only with these reasons, separated by commas', listed(String))
    .addOption(new Option('--status <status>', 'only with this status').choices(choices).default('new'))
    .option('--since <duration>', 'only those seen within this time, for example 24h', argument(since))
    .option('--ids <ids>', 'only these ids, separated by commas', listed(whole))
}

function common(command: Command): Command {
  return command
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--json', 'print one JSON object')
}

function since(text: string): number {
  const ms = parseDuration(text)
  // PostgreSQL's time does not go back for ever.
  if (ms > 0 && ms <= parseDuration('876000h')) return ms
  throw new Error(`must be a duration of more than 0 and at most 876000h, not "${text}"`)
}

async function selectionOf(options: Changes): Promise<Selection> {
  const { reason: reasons, status, since: sinceMs, ids, limit } = options
  return { pipeline: await pipelineNameOf(options.pipeline), reasons, status, sinceMs, ids, limit }
}

async function list({ status, limit = shown, json, envFile, ...rest }: Filters): Promise<void> {
  const { listDeadLetters } = await import('#dead-letters/list.ts')
  const { reason: reasons, since: sinceMs, ids } = rest
  const pipeline = await pipelineNameOf(rest.pipeline)
  const wanted = status === 'all' ? undefined : status
  const filter = { pipeline, reasons, status: wanted, sinceMs, ids }
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const listing = await listDeadLetters(loadDatabaseConfig({ envFile }), filter, limit)
  if (json) return console.log(JSON.stringify(listing))
  if (listing.total === 0) return console.error(`no ${wanted ? `${wanted} ` : ''}dead letters`)
  const { listingView } = await import('../dead-letter-view.ts')
  console.log(listingView(listing, process.stdout.columns))
  const next = `show one: ${commandLine(`dead-letters show <id>${pipelineOptionOf(rest.pipeline)}`, envFile)}`
  console.error(`\n${listing.letters.length} of ${listing.total}; more with --limit, ${next}`)
}

async function show(id: number, { envFile, pipeline, json }: Filters): Promise<void> {
  const { showDeadLetter } = await import('#dead-letters/show.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const deadLetter = await showDeadLetter(loadDatabaseConfig({ envFile }), id, pipeline)
  const { dataAsText, deadLetterView } = await import('../dead-letter-view.ts')
  if (!json) return console.log(deadLetterView(deadLetter, envFile))
  const { encoding, text } = dataAsText(deadLetter)
  const next = deadLetter.next.map((line) => adviceText(line, envFile))
  console.log(JSON.stringify({ ...deadLetter, next, data: text, dataEncoding: encoding }))
}

async function redrive(options: Changes, command: Command): Promise<void> {
  refuseToGuess(options, command)
  const { previewRedrive, redriveDeadLetters } = await import('#dead-letters/redrive.ts')
  const { loadRedriveConfig } = await import('#config/config.ts')
  const config = loadRedriveConfig({ envFile: options.envFile })
  const selection = {
    ...(await selectionOf(options)),
    pipeline: options.pipeline,
    anySubscription: options.anySubscription,
    asNew: options.asNew,
  }
  const { TerminalOutput } = await import('../terminal-output.ts')
  using output = new TerminalOutput(process.stderr, terminalType())
  using signals = stopSignals(() =>
    output.say('stopping: finishing the current batch; press Ctrl-C again to force exit'),
  )
  const user = {
    warn: (id: number, why: string) => output.warn(id, why),
    report: (line: string) => output.say(line),
    stop: signals.stop,
  }
  const warning = 'every subscription of the topic receives what is published'
  const again = 'as new messages: pipelines that append or add up count each, even if it has counted before'
  if (options.dryRun) {
    const preview = await previewRedrive(config, selection, user, options.json ? Infinity : shown)
    const publishable = preview.selected - preview.cut - preview.foreign
    output.say(`${publishable} would be published to ${preview.topic}; ${warning}`)
    if (options.asNew) output.say(again)
    if (preview.foreign > 0)
      output.say(
        `${preview.foreign} would be skipped: they came from another subscription (--any-subscription)`,
      )
    if (preview.cut > 0)
      output.say(`${preview.cut} would be skipped: their data was cut when they were stored`)
    if (options.ids && preview.selected === 0) process.exitCode = exitCode.checkFailed
    return await printPreview(preview, options)
  }
  // What is published but not yet marked then is published again by the next redrive.
  signals.forceStop.addEventListener('abort', () => process.exit(exitCode.unsettled))
  const done = await redriveDeadLetters(config, selection, {
    ...user,
    progress: (count, of) => output.progress(() => `redriving: ${count} of ${of}`),
    confirm: async (count, topic) => {
      output.say(`${count} to be published to ${topic}; ${warning}`)
      if (options.asNew) output.say(again)
      const how = options.asNew ? 'as new messages' : 'again'
      return options.yes === true || askWhether(`Publish ${count} dead letters ${how}?`)
    },
  })
  output[Symbol.dispose]()
  if (!done) return console.error('nothing was published')
  const { topic, summary, error } = done
  const { selected, published, skipped, failed, left } = summary
  if (options.json) console.log(JSON.stringify({ topic, ...summary }))
  else {
    console.log(`selected ${selected}, published ${published}, skipped ${skipped}, failed ${failed}`)
    if (left > 0) console.log(`left unchanged: ${left}; run the same command again to continue`)
  }
  if (error) throw error
  if (failed + left > 0 || (options.ids && selected === 0)) process.exitCode = exitCode.checkFailed
}

async function discard(options: Changes, command: Command): Promise<void> {
  refuseToGuess(options, command)
  const { discardDeadLetters } = await import('#dead-letters/discard.ts')
  const { previewSelection } = await import('#dead-letters/selection.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const config = loadDatabaseConfig({ envFile: options.envFile })
  const selection = await selectionOf(options)
  const { TerminalOutput } = await import('../terminal-output.ts')
  using output = new TerminalOutput(process.stderr, terminalType())
  if (options.dryRun) {
    const preview = await previewSelection(config, selection, output, options.json ? Infinity : shown)
    output.say(`${preview.selected} would be discarded`)
    return await printPreview(preview, options)
  }
  const done = await discardDeadLetters(config, selection, {
    warn: (id, why) => output.warn(id, why),
    progress: (count, of) => output.progress(() => `discarding: ${count} of ${of}`),
    confirm: async (count) => options.yes === true || askWhether(`Discard ${count} dead letters?`),
  })
  output[Symbol.dispose]()
  if (!done) return console.error('nothing was discarded')
  if (options.json) return console.log(JSON.stringify(done))
  console.log(`selected ${done.selected}, discarded ${done.discarded}, skipped ${done.skipped}`)
}

/** Without a terminal there is no way to ask. */
function refuseToGuess({ dryRun, yes }: Changes, command: Command): void {
  if (dryRun || yes || isInteractive()) return
  command.error(
    `error: ${command.name()} needs confirmation, and there is no terminal: add --yes, or --dry-run to preview`,
  )
}

async function printPreview(preview: Preview, { json }: Changes): Promise<void> {
  if (json) return console.log(JSON.stringify({ dryRun: true, ...preview }))
  if (preview.letters.length === 0) return
  const { previewView } = await import('../dead-letter-view.ts')
  console.log(previewView(preview.letters, process.stdout.columns))
  const more = preview.selected - preview.letters.length
  if (more > 0) console.log(`and ${more} more; --json lists all`)
}
