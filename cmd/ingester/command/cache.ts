import { Command } from 'commander'
import { programName } from '#runtime/program-name.ts'

interface Options {
  readonly envFile?: string
  readonly pipeline?: string
  readonly json?: boolean
}

export function cacheCommand(): Command {
  return new Command('cache')
    .summary('invalidate the cached watermarks')
    .description('The watermarks in Redis.')
    .addHelpText('before', `Examples:\n  ${programName} cache bump --env-file owner.env\n`)
    .addCommand(
      new Command('bump')
        .description('Invalidate all watermarks of a pipeline by starting a new epoch.')
        .option('--pipeline <name>', 'which pipeline, or the path of its mapping file or module')
        .option('--env-file <file>', 'env file; environment variables take precedence')
        .option('--json', 'print one JSON object')
        .addHelpText(
          'before',
          `Examples:
  ${programName} cache bump --env-file owner.env     after DELETE, or after a restore, and before a replay

Without it, replayed messages of deleted rows count as stale. Not needed after TRUNCATE;
after anything else that removed or reverted rows (a restore, an UPDATE, a renamed table) run it: it costs nothing.
It contacts PostgreSQL only: INGESTER_POSTGRES_USER, _PASSWORD, _DB and, unless they are the default, _HOST, _PORT,
_SSL_MODE; the role needs INSERT and UPDATE on cache_epochs.
`,
        )
        .action(bump),
    )
}

async function bump({ envFile, pipeline, json }: Options): Promise<void> {
  const { bumpCache } = await import('#app/cache-bump.ts')
  const { loadDatabaseConfig } = await import('#config/config.ts')
  const done = await bumpCache(loadDatabaseConfig({ envFile }), pipeline)
  if (json) return console.log(JSON.stringify(done))
  console.log(`${done.pipeline}: new epoch ${done.epoch}`)
  console.log(`running ingesters take it up within ${done.effectiveWithinSeconds} s: replay after that`)
}
