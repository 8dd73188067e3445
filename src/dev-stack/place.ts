import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment } from '#config/environment.ts'
import { ConfigurationError } from '#core/failure.ts'
import type { ControlPlace } from '#stack/control-place.ts'
import { controlPlace, PlaceError } from '#stack/control-place.ts'
import { projectDir } from '#runtime/project.ts'

/** Where the one of this folder is found. */
export function placeFor(who: 'stack' | 'demo', environment: Environment): Promise<ControlPlace> {
  return placing(() => controlPlace(projectDir, who, environment['XDG_RUNTIME_DIR']))
}

/** A place that cannot be used is for the user to fix. */
export async function placing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof PlaceError) throw new ConfigurationError(error.message, { cause: error })
    throw error
  }
}

/** Where the one in the background, or its start that failed, says what befalls it. */
export function logOf({ folder }: ControlPlace): string {
  return join(folder, 'stack.log')
}

/** After a clean end nobody asks for it. */
export async function clearLog(place: ControlPlace): Promise<void> {
  await rm(logOf(place), { force: true })
}
