import { isIP } from 'node:net'
import { Command, Option } from 'commander'
import { argument, whole } from '#argv/argument.ts'
import { programName } from '#runtime/program-name.ts'
import { stopSignals } from '../stop-signals.ts'

interface Options {
  readonly port: number
  readonly host: string
  readonly allowHost: readonly string[]
  readonly faults?: boolean
  readonly json?: boolean
}

export function emulatorCommand(): Command {
  return new Command('emulator')
    .summary('run the Pub/Sub emulator alone')
    .description('Run the Pub/Sub emulator alone: gRPC and REST on one port, everything in memory.')
    .option('--port <n>', 'port to listen on; 0 picks a free one', whole(0, 65_535), 8085)
    .option('--host <address>', 'address to listen on; there is no authentication', '127.0.0.1')
    .addOption(
      new Option(
        '--allow-host <name>',
        'also accept requests for this host name, and from web pages on it; repeatable',
      )
        .argParser((name: string, names: readonly string[]) => [...names, hostName(name)])
        .default([], 'loopback and --host'),
    )
    .option('--faults', 'enable fault injection: POST /faults, GET /inspect/{subscription}')
    .option('--json', 'print the address as one JSON object')
    .addHelpText(
      'before',
      `Examples:
  ${programName} emulator
  PUBSUB_EMULATOR_HOST=127.0.0.1:8085 ${programName} run --env-file .env     in another terminal
  curl -X PUT http://127.0.0.1:8085/v1/projects/demo/topics/scan-topic
`,
    )
    .action(async ({ port, host, allowHost, faults, json }: Options) => {
      const { serveEmulator } = await import('#app/emulator.ts')
      using signals = stopSignals(() => console.error('stopping'))
      const options = { port, host, allowHosts: allowHost, faultRoutes: faults ?? false }
      await serveEmulator(options, signals.stop, (address) => {
        console.log(json ? JSON.stringify(address) : `PUBSUB_EMULATOR_HOST=${address.emulatorHost}`)
        if (faults)
          console.error(
            `fault injection is open to anyone who can reach http://${address.emulatorHost}/faults`,
          )
      })
    })
}

const hostName = argument((text) => {
  if (isIP(text) === 0 && !/^[\w.-]+$/.test(text))
    throw new Error(`must be a host name or an address, without a port, not "${text}"`)
  return text
})
