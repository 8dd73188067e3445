import { Command } from 'commander'
import type { CommandLine } from '#config/config.ts'
import { pipelineNames } from '#connect/pipelines.ts'
import { collected } from '#argv/argument.ts'
import { programName } from '#runtime/program-name.ts'
import { stopSignals } from '../stop-signals.ts'

export function runCommand(): Command {
  return new Command('run')
    .summary('run the ingester')
    .description('Run the ingester: consume until it is stopped.')
    .option(
      '--pipeline <name>',
      'what to ingest: a name, or the path of a mapping file or a module; repeatable',
      collected,
    )
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .addHelpText(
      'before',
      `Examples:
  ${programName} run --env-file .env
  ${programName} run --pipeline orders.pipeline.yaml --env-file .env
  ${programName} run --env-file .env --pipeline scans --pipeline ./orders.ts
  INGESTER_HTTP_PORT=0 ${programName} run --env-file .env.local    one more, on a running stack

Ctrl-C or SIGTERM: drain in-flight messages, then exit 0. A second one nacks them and exits 5.
`,
    )
    .action(async (options: CommandLine) => {
      const { serve } = await import('#app/serve.ts')
      const { runBlock } = await import('../start-block.ts')
      using signals = stopSignals()
      const { loadConfig } = await import('#config/config.ts')
      process.exitCode = await serve(loadConfig(options, pipelineNames), {
        envFile: options.envFile,
        stop: signals.stop,
        forceStop: signals.forceStop,
        started: (running) => console.error(runBlock(running).join('\n')),
      })
    })
}
