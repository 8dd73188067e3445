// The command line: starts an emulator, says where it is, and serves until a signal comes.
import { createRequire } from 'node:module'
import { isIP } from 'node:net'
import { parseArgs } from 'node:util'

const help = `Usage: pubsub-emulator-node [options]

Runs a Google Cloud Pub/Sub emulator: gRPC and REST on one port, everything in memory.

Examples:
  npx pubsub-emulator-node
  npx pubsub-emulator-node --port 0 --json
  npx pubsub-emulator-node --host 0.0.0.0 --allow-host pubsub

Options:
  --port <n>           port to listen on; 0 picks a free one (default: 8085)
  --host <address>     address to listen on; there is no authentication (default: 127.0.0.1)
  --allow-host <name>  also accept requests for this host name, and from web pages on it; repeatable
                       (default: loopback and --host)
  --faults             enable fault injection over HTTP: POST /faults, GET /inspect/{subscription}
  --json               print the address as one JSON object
  --version            print the version
  --help               print this help
`

const parsed = () =>
  parseArgs({
    options: {
      port: { type: 'string', default: '8085' },
      host: { type: 'string', default: '127.0.0.1' },
      'allow-host': { type: 'string', multiple: true, default: [] },
      faults: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  }).values

try {
  const options = parsed()
  if (options.help) process.stdout.write(help)
  else if (options.version) process.stdout.write(`${version()}\n`)
  else await serve(options)
} catch (error) {
  process.stderr.write(`pubsub-emulator-node: ${(error as Error).message}\n`)
  process.exitCode = 2
}

function version(): string {
  return (createRequire(import.meta.url)('pubsub-emulator-node/package.json') as { version: string }).version
}

async function serve(options: ReturnType<typeof parsed>): Promise<void> {
  const { host, faults, json } = options
  const port = portOf(options.port)
  const allowHosts = options['allow-host'].map(hostName)
  const { startEmulator } = await import('./emulator.ts')
  const emulator = await startEmulator({ port, host, allowHosts, faultRoutes: faults }).catch(
    (cause: Error) => {
      const fix = 'check --host, or choose another --port; 0 is any free one'
      throw new Error(`cannot listen on port ${port} of ${host}: ${cause.message}; ${fix}`, { cause })
    },
  )
  const { emulatorHost } = emulator
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void emulator.close())
  const address = { host, port: emulator.port, emulatorHost }
  process.stdout.write(`${json ? JSON.stringify(address) : `PUBSUB_EMULATOR_HOST=${emulatorHost}`}\n`)
  if (faults) {
    process.stderr.write(`fault injection is open to anyone who can reach http://${emulatorHost}/faults\n`)
  }
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new Error(`--port must be a whole number from 0 to 65535, not "${text}"`)
}

function hostName(text: string): string {
  if (isIP(text) !== 0 || /^[\w.-]+$/.test(text)) return text
  throw new Error(`--allow-host must be a host name or an address, without a port, not "${text}"`)
}
