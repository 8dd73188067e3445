import { findCommand } from './commands.ts'
import { host, onFreePort } from './ports.ts'
import type { Log, Service } from './service.ts'
import { startService, temporaryFolder } from './service.ts'

/** A Caddy in front of servers on this machine. */
export interface Caddy extends Service {
  readonly host: string
  readonly port: number
}

export interface CaddyOptions {
  /** Preferred; 0: any free one. */
  readonly port: number
  /** A Caddyfile that reads CADDY_BIND, CADDY_PORT and CADDY_UPSTREAMS. */
  readonly file: string
  /** The servers behind it: `host:port`. */
  readonly upstreams: readonly string[]
  readonly log?: Log | undefined
  /** Aborts the startup. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Starts `caddy` from PATH; undefined when it is not installed.
 *
 * @throws ServiceError with its last lines when it does not come up
 */
export const startCaddy = async (options: CaddyOptions): Promise<Caddy | undefined> => {
  const { port: preferred, file: caddyfile, upstreams, log = () => {}, signal } = options
  const caddy = await findCommand('caddy')
  if (caddy === undefined) return undefined
  return await onFreePort(preferred, async (port) => {
    const folder = await temporaryFolder('caddy')
    const environment = {
      CADDY_BIND: host,
      CADDY_PORT: String(port),
      CADDY_UPSTREAMS: upstreams.join(' '),
      // What it would write for a user it writes here.
      HOME: folder,
      XDG_CONFIG_HOME: folder,
      XDG_DATA_HOME: folder,
    }
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const args = [...variables, caddy, 'run', '--adapter', 'caddyfile', '--config', caddyfile]
    const run = { name: 'Caddy', file: 'env', args, folder, stopSignal: 'TERM', graceSeconds: 5 } as const
    const service = await startService(
      { ...run, ready: /serving initial configuration/, readyWithinMs: 15_000, signal },
      log,
    )
    return Object.assign(service, { host, port })
  })
}
