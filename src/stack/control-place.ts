// Where a stack of a project's folder is found. It does not depend on TMPDIR, since `make down` in another terminal must
// find what `make dev` started; and only this user can write there, since its content is trusted.
import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { lstat, mkdir, rmdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Of one project folder. */
export interface ControlPlace {
  /** Of this user alone, or not there. */
  readonly folder: string
  readonly socket: string
}

/** A place that cannot be used; the message says why, and what to do. */
export class PlaceError extends Error {
  override readonly name = 'PlaceError'
}

/** macOS has 104 bytes for a socket's path and the NUL after it; Linux 108. */
const longestPath = 103

/**
 * Creates nothing.
 *
 * @param who `stack`: the one in the background; `demo`: that of a running demo
 * @param runtimeDir XDG_RUNTIME_DIR; ignored where it does not exist, belongs to another user or is too long
 */
export async function controlPlace(
  projectDir: string,
  who: 'stack' | 'demo',
  runtimeDir: string | undefined,
): Promise<ControlPlace> {
  const project = createHash('sha256').update(projectDir).digest('hex').slice(0, 12)
  const folderIn = (parent: string) => join(parent, `ingester-${ourUid()}-${project}`)
  for (const parent of await parents(runtimeDir)) {
    const socket = join(folderIn(parent), `${who}.sock`)
    if (Buffer.byteLength(socket) <= longestPath) return { folder: folderIn(parent), socket }
  }
  throw new PlaceError('no folder has room for the path of a socket: set XDG_RUNTIME_DIR to a short one')
}

/** Makes the folder if need be, for this user alone. */
export async function openPlace(place: ControlPlace): Promise<void> {
  try {
    await mkdir(place.folder, { mode: 0o700 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw new PlaceError(`no folder can be made there: ${message}`, { cause: error })
  }
  await placeIsThere(place)
}

/**
 * False: the folder does not exist.
 *
 * @throws PlaceError if it is not this user's alone: the names in /tmp can be guessed, and taken beforehand
 */
export async function placeIsThere({ folder }: ControlPlace): Promise<boolean> {
  const found = await lstat(folder).catch(absent)
  if (!found) return false
  const wrong = whatIsWrong(found)
  if (wrong === undefined) return true
  throw new PlaceError(
    `${folder} ${wrong}, so what is in it is not trusted: remove it, or set XDG_RUNTIME_DIR to a folder of yours`,
  )
}

/** Removes the folder if nothing else is in it. */
export async function leavePlace({ folder }: ControlPlace): Promise<void> {
  await rmdir(folder).catch(() => {})
}

function whatIsWrong(found: Stats): string | undefined {
  if (!found.isDirectory()) return 'is no folder'
  if (process.getuid !== undefined && found.uid !== process.getuid()) return 'belongs to another user'
  if (process.getuid !== undefined && (found.mode & 0o077) !== 0) return 'is open to other users'
  return undefined
}

async function parents(runtimeDir: string | undefined): Promise<string[]> {
  const own = runtimeDir !== undefined && isAbsolute(runtimeDir) && (await stat(runtimeDir).catch(absent))
  return [
    ...(own && own.isDirectory() && own.uid === ourUid() ? [runtimeDir] : []),
    ...((await stat('/tmp').catch(absent)) ? ['/tmp'] : [tmpdir()]),
  ]
}

const ourUid = () => process.getuid?.() ?? 0
const absent = () => undefined
