import { Command } from 'commander'
import { argument, whole } from '#argv/argument.ts'
import { programName } from '#runtime/program-name.ts'
import { stopSignals } from '../stop-signals.ts'

interface Options {
  readonly port?: number
  readonly systems?: readonly string[]
  readonly envFile?: string
}

export function gatewayCommand(): Command {
  return new Command('gateway')
    .summary('accept requests over HTTP, and publish them')
    .description(
      'Accept requests over HTTP and publish them as messages. Each is answered when the broker has confirmed it.',
    )
    .option(
      '--port <n>',
      'port to listen on; 0 picks a free one (default: INGESTER_GATEWAY_PORT, or 8080)',
      whole(0, 65_535),
    )
    .option(
      '--systems <names>',
      'systems whose routes to serve, separated by commas, for example increments (default: all)',
      names,
    )
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .addHelpText(
      'before',
      `Examples:
  ${programName} gateway --env-file .env
  curl -d '{"key":"6f8cc1b0-5c0f-4c5e-9d6b-0d3d3f8f4b52","value":1}' \\
    -H 'Content-Type: application/json' http://127.0.0.1:8080/increment

  Beside an ingester on the same machine, which has admin port 9400:
  INGESTER_HTTP_PORT=9401 ${programName} gateway --systems increments --env-file .env

Ctrl-C or SIGTERM: finish open requests, then exit 0. A second one exits 5.
`,
    )
    .action(async ({ port, systems, envFile }: Options) => {
      const { serveGateway, systemNames } = await import('#app/serve-gateway.ts')
      const { gatewayBlock } = await import('../start-block.ts')
      const { loadGatewayConfig } = await import('#config/config.ts')
      using signals = stopSignals()
      process.exitCode = await serveGateway(loadGatewayConfig({ envFile, port }), systems ?? systemNames, {
        stop: signals.stop,
        forceStop: signals.forceStop,
        started: (running) => console.error(gatewayBlock(running).join('\n')),
      })
    })
}

const names = argument((text) => {
  const given = text.split(',').map((name) => name.trim())
  if (given.includes('') || new Set(given).size < given.length)
    throw new Error('must be different names, separated by commas')
  return given
})
