import { Command } from 'commander'
import { loadDatabaseConfig } from '#config/config.ts'

interface Options {
  readonly envFile?: string
  readonly json?: boolean
}

export function migrateCommand(): Command {
  return new Command('migrate')
    .summary('make the tables, or take the last change back')
    .description('Make the tables, or take the last change back.')
    .addHelpText(
      'before',
      `Examples:
  bin/ingester migrate up --env-file .env
  bin/ingester migrate status --json

It needs INGESTER_POSTGRES_USER, _PASSWORD, _DB and, unless they are the default, _HOST, _PORT, _SSL_MODE.
`,
    )
    .addCommand(
      subcommand('up', 'apply all pending migrations').action((options: Options) => run('up', options)),
    )
    .addCommand(
      subcommand('down', 'take the last migration back').action((options: Options) => run('down', options)),
    )
    .addCommand(subcommand('status', 'list all migrations').action(status))
}

function subcommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--env-file <file>', 'read variables from a file; the environment goes before it')
    .option('--json', 'print one JSON object')
}

async function run(direction: 'up' | 'down', { envFile, json }: Options): Promise<void> {
  const { runMigrations } = await import('#app/migrations.ts')
  const names = await runMigrations(loadDatabaseConfig(envFile).postgres, direction, (message) =>
    console.error(`warning: ${message}`),
  )
  if (json) return console.log(JSON.stringify({ direction, migrations: names }))
  if (names.length === 0) return console.log(direction === 'up' ? 'up to date' : 'nothing to take back')
  for (const name of names) console.log(`${direction === 'up' ? 'applied' : 'taken back'}  ${name}`)
}

async function status({ envFile, json }: Options): Promise<void> {
  const { listMigrations } = await import('#app/migrations.ts')
  const all = await listMigrations(loadDatabaseConfig(envFile).postgres)
  if (json)
    return console.log(
      JSON.stringify({ migrations: all.map((one) => ({ ...one, pending: !one.appliedAt })) }),
    )
  for (const { name, appliedAt } of all) {
    console.log(`${appliedAt ? `applied ${appliedAt.toISOString()}` : 'pending'.padEnd(32)}  ${name}`)
  }
}
