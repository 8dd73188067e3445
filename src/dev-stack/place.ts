import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment } from '#config/environment.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { projectDir } from '#runtime/project.ts'
import type { ControlPlace } from '#stack/control-place.ts'
import { controlPlace, PlaceError } from '#stack/control-place.ts'

/** Where the control socket of this folder's stack or demo is. */
export function placeFor(who: 'stack' | 'demo', environment: Environment): Promise<ControlPlace> {
  return withSocketErrors(() => controlPlace(projectDir, who, environment['XDG_RUNTIME_DIR']))
}

/** A folder that the control socket cannot be in is for the user to fix. */
export async function withSocketErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof PlaceError) throw new ConfigurationError(error.message, { cause: error })
    throw error
  }
}

/** The log of a stack in the background, also of a start that failed. */
export function logOf({ folder }: ControlPlace): string {
  return join(folder, 'stack.log')
}

/** After a clean end it is of no use. */
export async function clearLog(place: ControlPlace): Promise<void> {
  await rm(logOf(place), { force: true })
}
