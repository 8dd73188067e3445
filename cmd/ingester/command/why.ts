import { styleText } from 'node:util'
import { Command } from 'commander'
import { keyUsages } from '#connect/pipelines.ts'
import { programName } from '#runtime/program-name.ts'
import { sentences } from '../why-sentences.ts'

interface Options {
  readonly envFile?: string
  readonly pipeline?: string
  readonly json?: boolean
}

export function whyCommand(): Command {
  const usages = keyUsages.map(({ words }) => `[options] ${words}`)
  return new Command('why')
    .summary('show where a record is')
    .description('Show where a record is: table, cache, in flight, dead letters.')
    .argument(
      '<key...>',
      `the record's key, ${keyUsages.map(({ pipeline, words }) => `for ${pipeline} ${words}`).join(', ')}; of a mapping file or a module column=value`,
    )
    .option('--pipeline <name>', 'which pipeline, or the path of its mapping file or module')
    .usage(usages.join('\n       ingester why '))
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--json', 'print one JSON object')
    .showHelpAfterError(`Usage: ${programName} why ${keyUsages.map(({ words }) => words).join(', or ')}`)
    .addHelpText(
      'before',
      `Examples:
${keyUsages.map(({ pipeline, example }) => `  ${programName} why ${example} --env-file .env     pipeline ${pipeline}`).join('\n')}
  ${programName} why ${keyUsages[0]?.example} --json | jq .verdict
  ${programName} why --pipeline orders.pipeline.yaml order_id=7

It only reads. It exits 0 whenever it has an answer, even if that is "not stored"; the verdict is one of
stored, being-written, cache-ahead, dead-lettered, unknown. It needs INGESTER_POSTGRES_USER, _PASSWORD and _DB
and, unless they are the default, the other INGESTER_POSTGRES_ and INGESTER_REDIS_ variables.
`,
    )
    .action(run)
}

async function run(words: string[], { envFile, pipeline, json }: Options): Promise<void> {
  const { why } = await import('#dead-letters/why.ts')
  const { loadStoresConfig } = await import('#config/config.ts')
  const answer = await why(loadStoresConfig({ envFile }), words, pipeline)
  if (json) return console.log(JSON.stringify(answer.status))
  const [verdict, ...rest] = sentences({ ...answer, envFile, pipeline })
  console.log(styleText('bold', verdict ?? ''))
  for (const line of rest) console.log(line)
}
