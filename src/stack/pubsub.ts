import { access, constants, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { findCommand, findJava } from './commands.ts'
import { host, onFreePort, reach } from './ports.ts'
import type { Log, Service } from './service.ts'
import { startService, temporaryFolder } from './service.ts'

/** A Pub/Sub emulator: one that this process started, or one that it was told to use and leaves alone. */
export interface PubsubServer extends AsyncDisposable {
  readonly kind: 'official' | 'given'
  readonly host: string
  readonly port: number
  /** `host:port`, the value for PUBSUB_EMULATOR_HOST. */
  readonly emulatorHost: string
  /** The emulator's process, if this process started one. */
  readonly service?: Service
  /** Ends the emulator if this process started it. Idempotent. */
  stop(): Promise<void>
}

export interface PubsubOptions {
  /** Preferred; 0: any free one. */
  readonly port?: number | undefined
  /** `host:port` of a running emulator, to use instead of starting one. */
  readonly emulatorHost?: string | undefined
  readonly log?: Log | undefined
}

const reachWithinMs = 5_000
const javaMend = 'Debian: apt-get install default-jre-headless, macOS: brew install openjdk'

/** Splits `host:port`, `[v6]:port`, each perhaps with a scheme before it. */
const parseAddress = (text: string): { host: string; port: number } => {
  const [, bracketed, plain, port] =
    /^(?:https?:\/\/)?(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})\/?$/.exec(text) ?? []
  const name = bracketed ?? plain
  if (name === undefined)
    throw new Error(`PUBSUB_EMULATOR_HOST is "${text}"; it must be host:port, as 127.0.0.1:8085`)
  return { host: name, port: Number(port) }
}

const useGiven = async (emulatorHost: string): Promise<PubsubServer> => {
  const address = parseAddress(emulatorHost)
  try {
    await reach(address, reachWithinMs)
  } catch (cause) {
    const why = `nobody answers at PUBSUB_EMULATOR_HOST=${emulatorHost} (${(cause as Error).message})`
    throw new Error(`${why}: start that emulator, or unset the variable`, { cause })
  }
  const stop = async (): Promise<void> => {}
  return { kind: 'given', ...address, emulatorHost, stop, [Symbol.asyncDispose]: stop }
}

/** Folders in which a Google Cloud SDK may be: that of `gcloud` on PATH first, then the usual ones. */
const sdkRoots = async (): Promise<string[]> => {
  const gcloud = await findCommand('gcloud')
  const usual = ['/usr/lib', '/usr/share', '/opt', '/opt/homebrew/share', '/usr/local/share', homedir()]
  return [
    ...(gcloud === undefined ? [] : [dirname(dirname(await realpath(gcloud)))]),
    ...usual.map((parent) => join(parent, 'google-cloud-sdk')),
    '/snap/google-cloud-cli/current',
  ]
}

/**
 * The start script of the official emulator below one of `roots`.
 *
 * @throws Error that says how to get one
 */
export const findEmulator = async (roots: readonly string[]): Promise<string> => {
  for (const root of roots) {
    const file = join(root, 'platform', 'pubsub-emulator', 'bin', 'cloud-pubsub-emulator')
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return file
  }
  throw new Error(
    [
      'no Pub/Sub emulator found. Either',
      '  set PUBSUB_EMULATOR_HOST to the host:port of a running one, or install the official one:',
      '  with the Google Cloud SDK: gcloud components install pubsub-emulator',
      '  on Debian and Ubuntu, from its apt repository: apt-get install google-cloud-cli-pubsub-emulator',
      `It needs Java 11 or newer (${javaMend}).`,
    ].join('\n'),
  )
}

const requireJava = async (): Promise<void> => {
  if ((await findJava()) !== undefined) return
  throw new Error(`the Pub/Sub emulator needs Java 11 or newer, and there is no java on PATH (${javaMend})`)
}

const startOfficial = async (file: string, preferred: number, log: Log): Promise<PubsubServer> =>
  await onFreePort(preferred, async (port) => {
    const folder = await temporaryFolder('pubsub')
    const args = [`--host=${host}`, `--port=${port}`]
    const run = { name: 'Pub/Sub emulator', file, args, folder, stopSignal: 'TERM', graceSeconds: 5 } as const
    const service = await startService(
      { ...run, ready: /Server started, listening on/, readyWithinMs: 60_000 },
      log,
    )
    const stop = async (): Promise<void> => await service.stop()
    const emulatorHost = `${host}:${port}`
    return { kind: 'official', host, port, emulatorHost, service, stop, [Symbol.asyncDispose]: stop }
  })

/**
 * The emulator that `emulatorHost` names, else the official one, started here.
 *
 * @throws Error that says how to mend it: the given one does not answer, none is installed, Java is missing
 */
export const startPubsub = async (options: PubsubOptions = {}): Promise<PubsubServer> => {
  const { port = 8085, emulatorHost, log = () => {} } = options
  if (emulatorHost !== undefined && emulatorHost !== '') return await useGiven(emulatorHost)
  // The place for an emulator that needs nothing installed, ahead of the official one.
  const file = await findEmulator(await sdkRoots())
  await requireJava()
  return await startOfficial(file, port, log)
}
