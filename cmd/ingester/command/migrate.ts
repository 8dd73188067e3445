import { Command } from 'commander'
import { programName } from '#runtime/program-name.ts'
import { askWhether, isInteractive } from '../ask.ts'

interface Options {
  readonly envFile?: string
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

It needs INGESTER_POSTGRES_USER, _PASSWORD, _DB and, unless they are the default, _HOST, _PORT, _SSL_MODE.
`,
    )
    .addCommand(
      subcommand('up', 'apply all pending migrations').action((options: Options) => run('up', options)),
    )
    .addCommand(
      subcommand('down', 'revert the latest migration, with the data of the tables that it drops')
        .option('--yes', 'do not ask for confirmation')
        .action(down),
    )
    .addCommand(subcommand('status', 'list all migrations').action(status))
}

function subcommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--json', 'print one JSON object')
}

async function run(direction: 'up' | 'down', { envFile, json }: Options): Promise<void> {
  const { runMigrations } = await import('#app/migrations.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const names = await runMigrations(loadDatabaseConfig(envFile).postgres, direction, (message) =>
    console.error(`warning: ${message}`),
  )
  if (json) return console.log(JSON.stringify({ direction, migrations: names }))
  if (names.length === 0) return console.log(direction === 'up' ? 'up to date' : 'nothing to revert')
  for (const name of names) console.log(`${direction === 'up' ? 'applied' : 'reverted'}  ${name}`)
}

async function down(options: Options, command: Command): Promise<void> {
  if (options.yes || (await mayRevert(options, command))) return run('down', options)
  console.error('nothing was reverted')
}

/** True where there is nothing to ask about, too. */
async function mayRevert({ envFile }: Options, command: Command): Promise<boolean> {
  const { nextToRevert } = await import('#app/migrations.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const next = await nextToRevert(loadDatabaseConfig(envFile).postgres)
  if (!next) return true
  const { name, statements } = next
  if (isInteractive())
    return askWhether(
      `Revert ${name}? It runs: ${statements} This deletes the data of the tables that it drops.`,
    )
  return command.error(
    `error: migrate down reverts ${name} (${statements}) and deletes the data of the tables that it drops; there is no terminal to confirm on: add --yes`,
  )
}

async function status({ envFile, json }: Options): Promise<void> {
  const { listMigrations } = await import('#app/migrations.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const all = await listMigrations(loadDatabaseConfig(envFile).postgres)
  if (json)
    return console.log(
      JSON.stringify({ migrations: all.map((one) => ({ ...one, pending: !one.appliedAt })) }),
    )
  for (const { name, appliedAt } of all) {
    console.log(`${appliedAt ? `applied ${appliedAt.toISOString()}` : 'pending'.padEnd(32)}  ${name}`)
  }
}
