import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { configOf } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import { ConfigurationError, UnreachableError, messageOf } from '#core/failure.ts'
import { migrate } from '#postgres/migrations.ts'
import type { ControlOptions, ControlPlace } from '#stack/control.ts'
import { askStatus, askToStop, controlPlace, serveControl } from '#stack/control.ts'
import type { Stack } from '#stack/stack.ts'
import { startStack } from '#stack/stack.ts'
import { migrationsDir, projectDir } from './project.ts'
import type { StackStatus } from './stack-status.ts'
import { statusOf } from './stack-status.ts'

export interface StackUpOptions {
  readonly environment: Environment
  readonly signal: AbortSignal
  readonly log: (line: string) => void
  /** Called once, when all of it is ready. */
  readonly started: (status: StackStatus) => void
}

/**
 * PostgreSQL with the tables, Redis and the Pub/Sub emulator, until the signal, or until `stackDown` is called from
 * another process.
 *
 * @throws ConfigurationError where one runs already; UnreachableError where a part does not start
 */
export async function stackUp({ environment, signal, log, started }: StackUpOptions): Promise<void> {
  const asked = new AbortController()
  const stopping = AbortSignal.any([signal, asked.signal])
  const ready = Promise.withResolvers<StackStatus>()
  const options = { status: ready.promise, stop: () => asked.abort() }
  await using _ = await claim(await controlPlace(projectDir, 'stack'), options)
  await using stack = await starting(environment, log)
  const status = statusOf(stack, 'stack')
  await migrate(configOf(status.env).config.postgres, migrationsDir, 'up')
  ready.resolve(status)
  if (!stopping.aborted) started(status)
  if (!stopping.aborted) await once(stopping, 'abort')
}

/**
 * Starts a stack in the background, or finds the one that runs. It goes on when this process ends.
 *
 * @throws UnreachableError with its last words if it does not come up
 */
export async function stackUpDetached(): Promise<StackStatus> {
  const place = await controlPlace(projectDir, 'stack')
  const running = await askStatus(place)
  if (running) return running as StackStatus
  const logFile = join(place.folder, 'stack.log')
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(join(projectDir, 'bin/ingester'), ['stack', 'up', '--json'], {
    detached: true,
    stdio: ['ignore', 'pipe', log],
  })
  closeSync(log)
  const stdout = child.stdout as Readable
  const ended = once(child, 'close').then(() => undefined)
  const line = await Promise.race([once(createInterface({ input: stdout }), 'line'), ended])
  if (!line) {
    const words = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-10).join('\n')
    throw new UnreachableError(`the stack did not come up; its last words:\n${words}`)
  }
  stdout.destroy()
  child.unref()
  return JSON.parse(String(line[0])) as StackStatus
}

/** Ends the stack that runs in the background; false if there is none. */
export async function stackDown(): Promise<boolean> {
  return askToStop(await controlPlace(projectDir, 'stack'))
}

/** Of the one in the background, else of a running demo's; undefined if there is none. */
export async function stackStatus(): Promise<StackStatus | undefined> {
  for (const who of ['stack', 'demo'] as const) {
    const status = await askStatus(await controlPlace(projectDir, who))
    if (status) return status as StackStatus
  }
  return undefined
}

/** Writes the variables as an env file, readable by this user alone: there is a password in it. */
export async function writeEnvFile(file: string, { env }: StackStatus): Promise<void> {
  const head = '# Written by `bin/ingester stack up`: where the stack of this folder is.\n'
  await writeFile(
    file,
    head +
      envLines(env)
        .map((line) => `${line}\n`)
        .join(''),
    { mode: 0o600 },
  )
}

export function envLines(env: StackStatus['env']): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`)
}

async function claim(place: ControlPlace, options: ControlOptions): Promise<AsyncDisposable> {
  try {
    return await serveControl(place, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new ConfigurationError(
      'the stack of this folder is running already: `bin/ingester stack status` tells where, `stack down` ends it',
      { cause: error },
    )
  }
}

async function starting(environment: Environment, log: (line: string) => void): Promise<Stack> {
  try {
    return await startStack({ pubsubEmulatorHost: environment['PUBSUB_EMULATOR_HOST'], log })
  } catch (error) {
    throw new UnreachableError(messageOf(error), { cause: error })
  }
}
