import { Command } from 'commander'
import { exitCode } from '#app/exit-code.ts'
import { programName } from '#runtime/program-name.ts'

interface Options {
  readonly envFile?: string
  readonly json?: boolean
}

export function checkCommand(): Command {
  return new Command('check')
    .summary('check a pipeline against database and subscription')
    .description(
      'Check a mapping file or a module against the database and the subscription. It changes nothing.',
    )
    .argument('<file>', 'mapping file, or module')
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option('--json', 'print one JSON object: {file, pipeline, ok, faults, warnings, columns}')
    .addHelpText(
      'before',
      `Examples:
  ${programName} check orders.pipeline.yaml --env-file .env
  ${programName} check orders.pipeline.yaml --json | jq '.faults[] | "\\(.line) \\(.what)"'

It prints every fault at once, as file:line:column: member: what is wrong; what to do. Without one it prints
what becomes of each column. Redis need not be there.
Exits with 0 if there is no fault, otherwise 4; 2 if the configuration is invalid, 3 without PostgreSQL.
`,
    )
    .action(check)
}

async function check(file: string, { envFile, json }: Options): Promise<void> {
  const { checkDefinition } = await import('#authoring/check.ts')
  const { loadCheckConfig } = await import('#config/config.ts')
  const checked = await checkDefinition(file, () => loadCheckConfig({ envFile }), envFile)
  const { report } = checked
  if (json) console.log(JSON.stringify(report))
  else {
    const { checkView } = await import('../check-view.ts')
    const { data, talk } = checkView(checked, process.stdout.isTTY ? process.stdout.columns : undefined)
    console.log(data)
    if (talk !== '') console.error(talk)
  }
  process.exitCode = report.ok ? exitCode.done : exitCode.checkFailed
}
