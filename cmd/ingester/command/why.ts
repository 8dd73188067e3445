import { styleText } from 'node:util'
import { Command } from 'commander'
import { keyUsages } from '#connect/pipelines.ts'
import { programName } from '#runtime/program-name.ts'
import { countedSentences } from '../counted-sentences.ts'
import { sentences } from '../why-sentences.ts'

interface Options {
  readonly envFile?: string
  readonly pipeline?: string
  readonly json?: boolean
}

export function whyCommand(): Command {
  const usages = keyUsages.map(({ option, words }) => `[options] ${option}${words}`)
  return new Command('why')
    .summary('show where a record is')
    .description('Show where a record is: table, cache, in flight, dead letters.')
    .argument(
      '<key...>',
      `of ${keyUsages.map(({ pipeline, words }) => `${pipeline}: ${words}`).join('; of ')}; of a file: column=value`,
    )
    .option('--pipeline <name>', 'which pipeline, or the path of its mapping file or module')
    .usage(usages.join('\n       ingester why '))
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--json', 'print one JSON object')
    .showHelpAfterError(
      `Usage: ${keyUsages.map(({ option, words }) => `${programName} why ${option}${words}`).join(', or ')}`,
    )
    .addHelpText(
      'before',
      `Examples:
${keyUsages.map(({ option, example }) => `  ${programName} why ${option}${example} --env-file .env`).join('\n')}
  ${programName} why --pipeline orders.pipeline.yaml order_id=7
  ${programName} why --pipeline events.pipeline.yaml message=1234567890     where rows are appended

It only reads, and exits 0 with any answer. The verdict is stored, deleted, being-written, cache-ahead, dead-lettered or
unknown. It needs INGESTER_POSTGRES_USER, _PASSWORD and _DB; the others of PostgreSQL and Redis have defaults.
`,
    )
    .action(run)
}

async function run(words: string[], { envFile, pipeline, json }: Options): Promise<void> {
  const { why } = await import('#dead-letters/why.ts')
  const { loadStoresConfig } = await import('#config/config.ts')
  const answer = await why(loadStoresConfig({ envFile }), words, pipeline)
  if (json) return console.log(JSON.stringify(answer.status))
  const options = { envFile, pipeline }
  const [verdict, ...rest] =
    'inspector' in answer ? sentences({ ...answer, ...options }) : countedSentences({ ...answer, ...options })
  console.log(styleText('bold', verdict ?? ''))
  for (const line of rest) console.log(line)
}
