import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { host, onFreePort } from './ports.ts'
import { preparePostgres } from './postgres-files.ts'
import type { Credentials, Login, PostgresFiles } from './postgres-files.ts'
import { randomPassword } from './secret.ts'
import type { Log, Service, ServiceCommand } from './service.ts'
import { startService } from './service.ts'
import { writeServiceFile } from './service-file.ts'

/** A PostgreSQL server that this process started, with the role that owns the database; its data end with it. */
export interface PostgresServer extends Service, Credentials {
  readonly host: string
  readonly port: number
  /** A role that is given rights on the owner's tables only, as an ingester needs them. */
  readonly writer: Login
  /** `postgres://…` with user, password and database. For programs: as an argument, every user could read it. */
  readonly url: string
  /** PGSERVICEFILE of psql and other clients, for this user alone; names the service `scans`. */
  readonly serviceFile: string
  /** The postmaster; `serverProcesses(pid)` finds the others. */
  readonly pid: number
  readonly dataDir: string
}

export interface PostgresOptions {
  /** Preferred; 0: any free one. */
  readonly port?: number | undefined
  readonly log?: Log | undefined
  /** Server settings, e.g. `{ max_connections: '20' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** For tests that change the server itself: the owner is a superuser. Absent: it owns its database, and that is all. */
  readonly superuser?: boolean | undefined
  /** Aborts the startup. */
  readonly signal?: AbortSignal | undefined
}

const baseSettings = {
  listen_addresses: host,
  unix_socket_directories: '',
  // In the data folder instead of /dev/shm, where a killed server would leave its segments for ever.
  dynamic_shared_memory_type: 'mmap',
}

const serverCommand = (files: PostgresFiles, settings: Readonly<Record<string, string>>): ServiceCommand => ({
  name: 'PostgreSQL',
  file: files.postgres,
  args: [
    '-D',
    files.dataDir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ],
  folder: files.folder,
  account: files.account,
  // Fast shutdown: sessions are ended, the data are checkpointed.
  stopSignal: 'INT',
  graceSeconds: 10,
  ready: /database system is ready to accept connections/,
  readyWithinMs: 60_000,
  // After kill -9 the last children may still hold the shared memory for a moment.
  tryAgain: /pre-existing shared memory block|lock file "postmaster\.pid" already exists/,
  keepFolder: true,
})

/**
 * Starts a real PostgreSQL 18 with an empty database; names are fixed, the password is random.
 * It listens on 127.0.0.1 only and keeps the defaults of durability (fsync and synchronous_commit are on).
 *
 * @throws ServiceError with the server's last lines when it does not come up
 */
export const startPostgres = async (options: PostgresOptions = {}): Promise<PostgresServer> => {
  const { port: preferred = 5433, log = () => {}, settings = {}, superuser = false, signal } = options
  const credentials: Credentials = { user: 'scanner', password: randomPassword(), database: 'scanner_dev' }
  const writer: Login = { user: 'ingester', password: randomPassword() }
  const files = await preparePostgres({ owner: { ...credentials, superuser }, writer }, signal)
  try {
    return await onFreePort(preferred, async (port) => {
      const command = serverCommand(files, { ...baseSettings, ...settings, port: String(port) })
      const { user, password, database } = credentials
      const url = `postgres://${user}:${password}@${host}:${port}/${database}`
      const serviceFile = join(files.folder, 'service')
      await writeServiceFile(serviceFile, credentials, port)
      const service = await startService({ ...command, signal }, log)
      const facts = { ...credentials, writer, host, port, url, serviceFile, dataDir: files.dataDir }
      return Object.assign(service, facts)
    })
  } catch (error) {
    await rm(files.folder, { recursive: true, force: true, maxRetries: 3 })
    throw error
  }
}
