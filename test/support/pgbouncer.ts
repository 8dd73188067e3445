import { chmod, chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { serverAccount } from '#stack/account.ts'
import { findCommand } from '#stack/commands.ts'
import { host, onFreePort } from '#stack/ports.ts'
import type { PostgresServer } from '#stack/postgres.ts'
import type { Service } from '#stack/service.ts'
import { startService, temporaryFolder } from '#stack/service.ts'
import { atEnd } from './at-end.ts'

/** Undefined where it is not installed. Debian puts it where a user's PATH does not look. */
const pgbouncer = (await findCommand('pgbouncer')) ?? (await findCommand('/usr/sbin/pgbouncer'))

/** Why the tests that need it are skipped; false where they are not. */
export const withoutPgbouncer =
  pgbouncer === undefined && 'needs pgbouncer: `sudo apt-get install pgbouncer`, `brew install pgbouncer`, …'

/** A PgBouncer in front of a server, with the same users, databases and passwords. */
export interface PgBouncer extends Service {
  readonly host: string
  readonly port: number
  /** On its admin console. */
  admin(command: string): Promise<Record<string, unknown>[]>
}

/** @param settings lines of the section [pgbouncer], over what is set here */
export async function startPgbouncer(
  server: PostgresServer,
  settings: Readonly<Record<string, string>>,
): Promise<PgBouncer> {
  if (pgbouncer === undefined) throw new Error('pgbouncer is not installed')
  const file = pgbouncer
  const account = await serverAccount()
  return await onFreePort(0, async (port) => {
    const folder = await temporaryFolder('pgbouncer', '/tmp')
    const [ini, users] = ['pgbouncer.ini', 'users.txt'].map((name) => join(folder, name)) as [string, string]
    const all: Readonly<Record<string, string>> = {
      listen_addr: host,
      listen_port: String(port),
      unix_socket_dir: '',
      auth_type: 'scram-sha-256',
      auth_file: users,
      admin_users: server.user,
      default_pool_size: '2',
      // A server that is away is asked for again soon.
      server_login_retry: '0.2',
      ...settings,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
    await writeFile(users, `"${server.user}" "${server.password}"\n`)
    await writeFile(
      ini,
      `[databases]\n* = host=${server.host} port=${server.port}\n[pgbouncer]\n${lines.join('\n')}\n`,
    )
    if (account) await Promise.all([folder, ini, users].map((path) => chown(path, account.uid, account.gid)))
    await chmod(folder, 0o700)
    const run = { name: 'PgBouncer', file, args: [ini], folder, account } as const
    const service = await startService(
      { ...run, stopSignal: 'TERM', graceSeconds: 1, ready: /process up/, readyWithinMs: 15_000 },
      () => {},
    )
    atEnd(() => service.stop())
    return Object.assign(service, { host, port, admin: (command: string) => ask(server, port, command) })
  })
}

async function ask({ user, password }: PostgresServer, port: number, command: string) {
  const client = new pg.Client({ host, port, user, password, database: 'pgbouncer' })
  await client.connect()
  try {
    // One that names no statement is a simple query: the console knows no other.
    return (await client.query(command)).rows
  } finally {
    await client.end()
  }
}
