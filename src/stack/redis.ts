import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findCommand } from './commands.ts'
import { host, onFreePort } from './ports.ts'
import { randomPassword } from './secret.ts'
import type { Log, Service } from './service.ts'
import { startService, temporaryFolder } from './service.ts'

/** A Redis server that this process started; it keeps nothing on disk. */
export interface RedisServer extends Service {
  readonly host: string
  readonly port: number
  /** `host:port`. */
  readonly address: string
  /** Of the user `default`; undefined: it needs none. */
  readonly password: string | undefined
}

export interface RedisOptions {
  /** Preferred; 0: any free one. */
  readonly port?: number | undefined
  readonly log?: Log | undefined
  /** Server settings, e.g. `{ maxmemory: '64mb' }`; a `requirepass` of '' leaves it open, for tests. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** Aborts the startup. */
  readonly signal?: AbortSignal | undefined
}

const baseSettings = { bind: host, save: '', appendonly: 'no', daemonize: 'no' }

/** An empty value needs quotes; one of several words is several arguments. */
const linesOf = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`)
    .join('')

/**
 * Starts `redis-server` from PATH, with a random password; undefined when it is not installed. Its settings are in a
 * file for this user alone: every user of the machine can list arguments.
 *
 * @throws ServiceError with the server's last lines when it does not come up
 */
export const startRedis = async (options: RedisOptions = {}): Promise<RedisServer | undefined> => {
  const { port: preferred = 6379, log = () => {}, settings = {}, signal } = options
  const password = settings['requirepass'] ?? randomPassword()
  const file = await findCommand('redis-server')
  if (file === undefined) return undefined
  return await onFreePort(preferred, async (port) => {
    const folder = await temporaryFolder('redis')
    const all = { ...baseSettings, requirepass: password, ...settings, port: String(port), dir: folder }
    const config = join(folder, 'redis.conf')
    await writeFile(config, linesOf(all), { mode: 0o600 })
    const run = { name: 'Redis', file, args: [config], folder, stopSignal: 'TERM', graceSeconds: 5 } as const
    const service = await startService(
      { ...run, ready: /Ready to accept connections/, readyWithinMs: 15_000, signal },
      log,
    )
    const address = `${host}:${port}`
    return Object.assign(service, { host, port, address, password: password || undefined })
  })
}
