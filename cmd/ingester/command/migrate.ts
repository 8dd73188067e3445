import { Command } from 'commander'
import { pipelineNames } from '#connect/pipelines.ts'
import { programName } from '#runtime/program-name.ts'
import type { LastMigration } from '#app/migrations.ts'
import { collected } from '#argv/argument.ts'
import { askWhether, isInteractive } from '../ask.ts'

interface Options {
  readonly envFile?: string
  readonly pipeline?: readonly string[]
  readonly json?: boolean
  readonly yes?: boolean
}

export function migrateCommand(): Command {
  return new Command('migrate')
    .summary('apply or revert database migrations')
    .description('Apply or revert database migrations.')
    .addHelpText(
      'before',
      `Examples:
  ${programName} migrate up --env-file .env
  ${programName} migrate status --json
  ${programName} migrate up --pipeline ./orders.ts     and the migrations of this module

It needs INGESTER_POSTGRES_USER, _PASSWORD, _DB and, unless they are the default, _HOST, _PORT, _SSL_MODE.
`,
    )
    .addCommand(subcommand('up', 'apply all pending migrations').action(up))
    .addCommand(
      subcommand(
        'down',
        'revert the latest migration, with the data of the tables that it drops',
        'the latest one of this module',
      )
        .option('--yes', 'do not ask for confirmation')
        .action(down),
    )
    .addCommand(subcommand('status', 'list all migrations').action(status))
}

function subcommand(
  name: string,
  description: string,
  pipelineHelp = 'those of this module, too; repeatable',
): Command {
  return new Command(name)
    .description(description)
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--pipeline <path>', pipelineHelp, collected)
    .option('--json', 'print one JSON object')
}

async function up(options: Options): Promise<void> {
  const { applyMigrations } = await import('#app/migrations.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const names = await applyMigrations(loadDatabaseConfig(options, pipelineNames), (message) =>
    console.error(`warning: ${message}`),
  )
  report('up', names, options)
}

function report(direction: 'up' | 'down', names: readonly string[], { json }: Options): void {
  if (json) return console.log(JSON.stringify({ direction, migrations: names }))
  if (names.length === 0) return console.log(direction === 'up' ? 'up to date' : 'nothing to revert')
  for (const name of names) console.log(`${direction === 'up' ? 'applied' : 'reverted'}  ${name}`)
}

async function down(options: Options, command: Command): Promise<void> {
  const { nextToRevert, revertMigration } = await import('#app/migrations.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const [pipeline, ...others] = options.pipeline ?? []
  if (others.length > 0) command.error('error: migrate down takes one --pipeline: it reverts one migration')
  const config = loadDatabaseConfig({ envFile: options.envFile })
  const next = options.yes ? undefined : await nextToRevert(config, pipeline)
  if (next && !(await mayRevert(next, command))) return console.error('nothing was reverted')
  report('down', await revertMigration(config, pipeline), options)
}

async function mayRevert({ name, statements }: LastMigration, command: Command): Promise<boolean> {
  if (isInteractive())
    return askWhether(
      `Revert ${name}? It runs: ${statements} This deletes the data of the tables that it drops.`,
    )
  return command.error(
    `error: migrate down reverts ${name} (${statements}) and deletes the data of the tables that it drops; there is no terminal to confirm on: add --yes`,
  )
}

async function status(options: Options): Promise<void> {
  const { listMigrations } = await import('#app/migrations.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const all = await listMigrations(loadDatabaseConfig(options, pipelineNames))
  if (options.json)
    return console.log(
      JSON.stringify({ migrations: all.map((one) => ({ ...one, pending: !one.appliedAt })) }),
    )
  for (const { name, appliedAt, pipeline } of all) {
    console.log(
      `${appliedAt ? `applied ${appliedAt.toISOString()}` : 'pending'.padEnd(32)}  ${pipeline === undefined ? '' : `${pipeline}: `}${name}`,
    )
  }
}
