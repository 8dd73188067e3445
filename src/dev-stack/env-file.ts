import { randomUUID } from 'node:crypto'
import { lstat, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ConfigurationError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { programName } from '#runtime/program-name.ts'
import type { StackStatus } from './status.ts'

export function envLines(env: StackStatus['env']): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`)
}

/** What may be shown on a screen that others see, or in the log of a build. */
export function withoutPasswords(env: StackStatus['env']): StackStatus['env'] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.endsWith('_PASSWORD')))
}

/**
 * To be called before what is to be written is begun.
 *
 * @throws ConfigurationError if the file cannot be written
 */
export async function checkEnvFile(file: string): Promise<void> {
  try {
    await refuseOthers(file)
    const beside = besideOf(file)
    await (await open(beside, 'wx', 0o600)).close()
    await rm(beside)
  } catch (error) {
    throw new ConfigurationError(
      `${file} cannot be written: ${reasonOf(error)}; name another file with --write, or leave it out`,
      { cause: error },
    )
  }
}

/**
 * Writes the variables as an env file, readable only by this user, replacing what was there: there are passwords
 * in it. It is written atomically.
 *
 * @throws ConfigurationError if it cannot be written; the stack runs all the same
 */
export async function writeEnvFile(file: string, env: StackStatus['env']): Promise<void> {
  const head = `# Written by \`${programName} stack\`: where the stack of this folder is.`
  const beside = besideOf(file)
  try {
    await refuseOthers(file)
    const written = await open(beside, 'wx', 0o600)
    try {
      await written.writeFile([head, ...envLines(env), ''].join('\n'))
    } finally {
      await written.close()
    }
    // In place of what is there: not through a link created meanwhile, nor into a file that others can read.
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw new ConfigurationError(`the stack runs, but ${file} could not be written: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

/** Anything but a regular file: passwords would go to a link's target, and a device or folder would be replaced. */
async function refuseOthers(file: string): Promise<void> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined || found.isFile()) return
  if (found.isDirectory()) throw new Error('it is a folder')
  throw new Error(found.isSymbolicLink() ? 'it is a symbolic link' : 'it is not a regular file')
}

/** The system's own message names the file beside it, of which the user knows nothing. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left',
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  return code === undefined ? messageOf(error) : (reasons[code] ?? code)
}

function besideOf(file: string): string {
  return join(dirname(file), `.${basename(file)}.${randomUUID()}`)
}
