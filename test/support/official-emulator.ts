import { access, constants, realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { findCommand } from '#stack/commands.ts'
import { host, onFreePort } from '#stack/ports.ts'
import { startService, temporaryFolder } from '#stack/service.ts'

/** Google's own emulator, as a process that this one started. */
export interface OfficialEmulator extends AsyncDisposable {
  readonly port: number
  /** `host:port`, the value for PUBSUB_EMULATOR_HOST. */
  readonly emulatorHost: string
  stop(): Promise<void>
}

/** The official emulator, or why there is none here: a reason to skip. */
export async function startOfficialEmulator(): Promise<OfficialEmulator | string> {
  const file = await findEmulator()
  if (file === undefined) return 'the official emulator is not installed'
  if ((await findCommand('java')) === undefined)
    return 'the official emulator needs Java, which is not installed'
  return onFreePort(0, async (port) => {
    const service = await startService(
      {
        name: 'the official Pub/Sub emulator',
        file,
        args: [`--host=${host}`, `--port=${port}`],
        folder: await temporaryFolder('pubsub'),
        stopSignal: 'TERM',
        graceSeconds: 5,
        ready: /Server started, listening on/,
        readyWithinMs: 60_000,
      },
      () => {},
    )
    const stop = () => service.stop()
    return { port, emulatorHost: `${host}:${port}`, stop, [Symbol.asyncDispose]: stop }
  })
}

/** Its start script: in the Google Cloud SDK of `gcloud` on PATH, or where one usually is. */
async function findEmulator(): Promise<string | undefined> {
  const gcloud = await findCommand('gcloud')
  const usual = ['/usr/lib', '/usr/share', '/opt', '/opt/homebrew/share', '/usr/local/share', homedir()]
  const roots = [
    ...(gcloud === undefined ? [] : [dirname(dirname(await realpath(gcloud)))]),
    ...usual.map((parent) => join(parent, 'google-cloud-sdk')),
    '/snap/google-cloud-cli/current',
  ]
  for (const root of roots) {
    const file = join(root, 'platform', 'pubsub-emulator', 'bin', 'cloud-pubsub-emulator')
    if (await isExecutable(file)) return file
  }
  return undefined
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
