import { findCommand } from './commands.ts'
import { host, onFreePort } from './ports.ts'
import type { Log, Service } from './service.ts'
import { startService, temporaryFolder } from './service.ts'

/** A Redis server that this process started; it keeps nothing on disk. */
export interface RedisServer extends Service {
  readonly host: string
  readonly port: number
  /** `host:port`. */
  readonly address: string
}

export interface RedisOptions {
  /** Preferred; 0: any free one. */
  readonly port?: number | undefined
  readonly log?: Log | undefined
  /** Server settings, e.g. `{ requirepass: 'secret' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** Ends a start that nobody waits for any more. */
  readonly signal?: AbortSignal | undefined
}

const baseSettings = { bind: host, save: '', appendonly: 'no', daemonize: 'no' }

const argsOf = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])

/**
 * Starts `redis-server` from PATH; undefined when it is not installed.
 *
 * @throws ServiceError with the server's last lines when it does not come up
 */
export const startRedis = async (options: RedisOptions = {}): Promise<RedisServer | undefined> => {
  const { port: preferred = 6379, log = () => {}, settings = {}, signal } = options
  const file = await findCommand('redis-server')
  if (file === undefined) return undefined
  return await onFreePort(preferred, async (port) => {
    const folder = await temporaryFolder('redis')
    const args = argsOf({ ...baseSettings, ...settings, port: String(port), dir: folder })
    const run = { name: 'Redis', file, args, folder, stopSignal: 'TERM', graceSeconds: 5 } as const
    const service = await startService(
      { ...run, ready: /Ready to accept connections/, readyWithinMs: 15_000, signal },
      log,
    )
    return Object.assign(service, { host, port, address: `${host}:${port}` })
  })
}
