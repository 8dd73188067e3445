import { startEmulator } from '#emulator/emulator.ts'
import type { Emulator } from '#emulator/emulator.ts'
import { host, onFreePort, reach } from './ports.ts'

/** A Pub/Sub emulator: our own, in this process, or an external one, which is left alone. */
export interface PubsubServer extends AsyncDisposable {
  readonly kind: 'embedded' | 'given'
  readonly host: string
  readonly port: number
  /** `host:port`, the value for PUBSUB_EMULATOR_HOST. */
  readonly emulatorHost: string
  /** Our own, with its faults. */
  readonly emulator?: Emulator
  /** Ends the emulator if this process started it. Idempotent. */
  stop(): Promise<void>
}

export interface PubsubOptions {
  /** Preferred; 0: any free one. */
  readonly port?: number | undefined
  /** `host:port` of a running emulator, to use instead of starting one. */
  readonly emulatorHost?: string | undefined
}

const reachWithinMs = 5_000

/** The parts of `host:port` or `[IPv6]:port`, as the configuration has checked it. */
const partsOf = (address: string): { host: string; port: number } => {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? []
  return { host, port: Number(port) }
}

const useGiven = async (emulatorHost: string): Promise<PubsubServer> => {
  const address = partsOf(emulatorHost)
  try {
    await reach(address, reachWithinMs)
  } catch (cause) {
    const why = `nothing answers at PUBSUB_EMULATOR_HOST=${emulatorHost} (${(cause as Error).message})`
    throw new Error(`${why}: start that emulator, or unset the variable`, { cause })
  }
  const stop = async (): Promise<void> => {}
  return { kind: 'given', ...address, emulatorHost, stop, [Symbol.asyncDispose]: stop }
}

/**
 * The emulator that `emulatorHost` names, else our own, started here.
 *
 * @throws Error with a fix where the external one does not answer
 */
export const startPubsub = async (options: PubsubOptions = {}): Promise<PubsubServer> => {
  const { port: preferred = 8085, emulatorHost } = options
  if (emulatorHost !== undefined && emulatorHost !== '') return await useGiven(emulatorHost)
  const emulator = await onFreePort(preferred, (port) => startEmulator({ host, port }))
  const stop = () => emulator.close()
  const { port, emulatorHost: address } = emulator
  return { kind: 'embedded', host, port, emulatorHost: address, emulator, stop, [Symbol.asyncDispose]: stop }
}
