import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'

/** A user of this machine, by number. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** Finds `postgres`, else `nobody`, in the text of /etc/passwd. */
export const pickAccount = (passwd: string): Account | undefined => {
  const users = passwd.split('\n').map((line) => line.split(':'))
  for (const wanted of ['postgres', 'nobody']) {
    const [name, , uid, gid] = users.find((user) => user[0] === wanted) ?? []
    if (name !== undefined && uid !== undefined && gid !== undefined)
      return { name, uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

/** As os.userInfo() throws where the system has no name for this user. */
const hasName = (): boolean => {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

/**
 * The user to run PostgreSQL as: it refuses to run as root. Undefined: as ourselves.
 *
 * @throws Error that says what to do: for a user without a name, as `docker run --user 12345` makes one, initdb fails
 */
export const serverAccount = async (): Promise<Account | undefined> => {
  const uid = process.getuid?.()
  if (uid !== 0) {
    if (uid === undefined || hasName()) return undefined
    throw new Error(
      `PostgreSQL does not run as a user without a name, and /etc/passwd has none for uid ${uid}: run as another ` +
        `user, or as root add one: echo 'dev:x:${uid}:${process.getgid?.()}::/tmp:/bin/sh' >> /etc/passwd`,
    )
  }
  const account = pickAccount(await readFile('/etc/passwd', 'utf8'))
  if (account === undefined) {
    throw new Error(
      'PostgreSQL does not run as root, and /etc/passwd has neither `postgres` nor `nobody`: add one',
    )
  }
  return account
}

/** Whether users who own nothing on the way may execute (or enter) `path`: o+x on it and on all above. */
export const reachableByOthers = async (path: string): Promise<boolean> => {
  for (let at = resolve(path); ; at = dirname(at)) {
    const { mode } = await stat(at)
    if ((mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

/** Whether such users may make and remove entries of their own in the folder `path`. */
export const writableByOthers = async (path: string): Promise<boolean> =>
  (await reachableByOthers(path)) && ((await stat(path)).mode & 0o002) !== 0

/** Gives a folder, and all in it, to `account`; undefined: it is ours already. */
export const own = async (folder: string, account: Account | undefined): Promise<void> => {
  if (account) await promisify(execFile)('chown', ['-R', `${account.uid}:${account.gid}`, folder])
}
