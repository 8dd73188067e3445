import { Command } from 'commander'
import { pipelineNames } from '#connect/pipelines.ts'
import { programName } from '#runtime/program-name.ts'
import { stopSignals } from '../stop-signals.ts'

export function runCommand(): Command {
  return new Command('run')
    .summary('run the ingester')
    .description('Run the ingester: consume the subscription until it is stopped.')
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .addHelpText(
      'before',
      `Examples:
  ${programName} run --env-file .env
  INGESTER_HTTP_PORT=0 ${programName} run --env-file .env.local    one more, on the stack of make dev

Ctrl-C or SIGTERM: drain in-flight messages, then exit 0. A second one nacks them and exits 5.
`,
    )
    .action(async ({ envFile }: { envFile?: string }) => {
      const { serve } = await import('#app/serve.ts')
      const { runBlock } = await import('../start-block.ts')
      using signals = stopSignals()
      const { loadConfig } = await import('#config/config.ts')
      process.exitCode = await serve(loadConfig(envFile, pipelineNames), {
        stop: signals.stop,
        forceStop: signals.forceStop,
        started: (running) => console.error(runBlock(running).join('\n')),
      })
    })
}
