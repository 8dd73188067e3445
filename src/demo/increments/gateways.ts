import { announced } from '#stack/announced.ts'
import { startCaddy } from '#stack/caddy.ts'
import { findCommand } from '#stack/commands.ts'
import type { DemoProgram } from '../program.ts'
import { startDemoProgram, urlOf } from '../program.ts'
import type { DemoSetup, Traffic } from '../system.ts'

/** Gateways in processes of their own, and what is in front of them. */
export interface Gateways {
  readonly programs: readonly DemoProgram[]
  /** Where clients send to: Caddy, or the gateways in turns. */
  readonly urls: readonly string[]
  readonly facts: Traffic['facts']
}

/** That of the pages that show how to call them: Caddy's, or without one the first gateway's. */
const preferredPort = 8080

/**
 * All at once. What has started is in `resources`, also where another one fails.
 *
 * @param caddyfile for the Caddy in front of them, if it is installed
 * @throws ServiceError with the last lines of what does not come up
 */
export async function startGateways(
  setup: DemoSetup,
  { count, caddyfile }: { readonly count: number; readonly caddyfile: string },
  resources: AsyncDisposableStack,
): Promise<Gateways> {
  const { report: log, signal } = setup
  const hasCaddy = (await findCommand('caddy')) !== undefined
  if (!hasCaddy)
    log('no Caddy: caddy is not on PATH; clients take turns themselves (Debian: apt-get install caddy)')
  const starting = Array.from({ length: count }, async (_, at) => {
    const name = `gateway ${at + 1}`
    const program =
      at === 0 && !hasCaddy
        ? await announced(name, preferredPort, log, (port) => startGateway(name, port, setup))
        : await startGateway(name, 0, setup)
    return resources.use(program)
  })
  await Promise.allSettled(starting)
  const programs = await Promise.all(starting)

  const upstreams = programs.map(({ port }) => `127.0.0.1:${port}`)
  const caddy = await announced('Caddy', preferredPort, log, (port) =>
    startCaddy({ port, file: caddyfile, upstreams, log, signal }),
  )
  if (caddy) resources.use(caddy)
  const way = caddy
    ? `Caddy: ${urlOf(caddy)}/increment`
    : 'nothing: Caddy is not installed, and clients take turns'
  return {
    programs,
    urls: caddy ? [urlOf(caddy)] : programs.map(urlOf),
    facts: [
      ['gateways', programs.map((one) => `${urlOf(one)}/increment`).join(', ')],
      ['in front', way],
    ],
  }
}

function startGateway(name: string, port: number, setup: DemoSetup): Promise<DemoProgram> {
  const { environment, report: log, signal } = setup
  const own = {
    ...environment,
    INGESTER_GATEWAY_HOST: '127.0.0.1',
    INGESTER_TRUSTED_PROXIES: '127.0.0.1',
    INGESTER_HTTP_PORT: '0',
    // The clients have none.
    INGESTER_GATEWAY_TOKENS: undefined,
    INGESTER_GATEWAY_TOKENS_FILE: undefined,
  }
  const args = (actual: number) => ['gateway', '--port', String(actual), '--systems', 'increments']
  return startDemoProgram({ name, port, args, environment: () => own, ready: 'listening', log, signal })
}
