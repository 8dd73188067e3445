import { once } from 'node:events'
import { ConfigurationError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { advice } from '#core/advice.ts'
import type { EmulatorOptions } from '#emulator/emulator.ts'
import { startEmulator } from '#emulator/emulator.ts'

export interface EmulatorAddress {
  readonly host: string
  readonly port: number
  readonly emulatorHost: string
}

/**
 * Runs the emulator until the signal.
 *
 * @throws ConfigurationError if it cannot listen there
 */
export async function serveEmulator(
  options: EmulatorOptions,
  stop: AbortSignal,
  started: (address: EmulatorAddress) => void,
): Promise<void> {
  await using emulator = await listening(options)
  const { host, port, emulatorHost } = emulator
  started({ host, port, emulatorHost })
  if (!stop.aborted) await once(stop, 'abort')
}

async function listening(options: EmulatorOptions) {
  try {
    return await startEmulator(options)
  } catch (error) {
    const fixes = [advice`check --host, or choose another --port; 0 is any free one`]
    throw new ConfigurationError(`the emulator cannot listen there: ${messageOf(error)}`, {
      fixes,
      cause: error,
    })
  }
}
