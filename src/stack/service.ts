import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command, Supervised } from './supervisor.ts'
import { supervise } from './supervisor.ts'

/** Prints one line, given without line end. */
export type Log = (line: string) => void

/** A command that serves until it is stopped. */
export interface ServiceCommand extends Command {
  /** The line of its output that means it is ready. */
  readonly ready: RegExp
  readonly readyWithinMs: number
  /** Output of a failure that is worth another try (within `readyWithinMs`). */
  readonly tryAgain?: RegExp
  /** Whether a failed start leaves the folder, for another try by the caller. */
  readonly keepFolder?: boolean
  /** Aborts the startup; has no effect once it is ready. */
  readonly signal?: AbortSignal | undefined
}

/** A running service. */
export interface Service extends AsyncDisposable {
  /** Of the service itself; another one after `restart()`. */
  readonly pid: number
  /** How it exited unexpectedly, such as `signal 9`; undefined while it runs. */
  readonly ended: string | undefined
  /** Ends it; resolves when the process is gone and its folder removed. Idempotent. */
  stop(): Promise<void>
  /** Ends it if it still runs, then starts it again in the same folder and on the same port. */
  restart(): Promise<void>
}

/** A service or a step that failed; `output` holds its last lines, as does the message. */
export class ServiceError extends Error {
  readonly output: string

  constructor(name: string, why: string, output: string) {
    super(`${name} ${why}${output === '' ? '' : `; its last lines:\n${output.replaceAll(/^/gm, '  ')}`}`)
    this.name = 'ServiceError'
    this.output = output
  }
}

const retryPauseMs = 100

/** A new folder, of this user only, below the system's temporary one. */
export const temporaryFolder = async (service: string, parent = tmpdir()): Promise<string> => {
  try {
    return await mkdtemp(join(parent, `ingester-${service}-`))
  } catch (cause) {
    const why = (cause as Error).message
    throw new Error(
      `no folder for ${service} in ${parent}: ${why}; set TMPDIR to a folder that you can write to`,
      {
        cause,
      },
    )
  }
}

/** How a process ended: `exit code 1`, `signal 9`. */
const ending = (code: number): string => (code > 128 ? `signal ${code - 128}` : `exit code ${code}`)

const becomeReady = async (supervised: Supervised, command: ServiceCommand): Promise<number> => {
  const outcome = Promise.withResolvers<string | undefined>()
  const { ready, readyWithinMs, signal } = command
  const giveUp = () => outcome.resolve('was not waited for')
  if (signal?.aborted) giveUp()
  signal?.addEventListener('abort', giveUp)
  const timer = setTimeout(
    () => outcome.resolve(`was not ready within ${readyWithinMs / 1000} s`),
    readyWithinMs,
  )
  supervised.onLine((line) => ready.test(line) && outcome.resolve(undefined))
  void supervised.exited.then((code) => outcome.resolve(`ended (${ending(code)}) before it was ready`))
  const failure = await outcome.promise
  clearTimeout(timer)
  signal?.removeEventListener('abort', giveUp)
  if (failure === undefined) return await supervised.started
  await supervised.end({ keepFolder: command.keepFolder ?? false })
  throw new ServiceError(command.name, failure, supervised.tail())
}

interface Running {
  readonly supervised: Supervised
  readonly pid: number
}

const bringUp = async (command: ServiceCommand): Promise<Running> => {
  const deadline = Date.now() + command.readyWithinMs
  for (;;) {
    const supervised = supervise(command)
    try {
      return { supervised, pid: await becomeReady(supervised, command) }
    } catch (error) {
      const again = error instanceof ServiceError && command.tryAgain?.test(error.output) === true
      if (!again || Date.now() > deadline || command.signal?.aborted) throw error
      await new Promise((resolve) => setTimeout(resolve, retryPauseMs))
    }
  }
}

/**
 * Starts a service and waits until it is ready. An unexpected exit is reported to `log`.
 *
 * @throws ServiceError when it ends before it is ready, or is not ready in time
 */
export const startService = async (command: ServiceCommand, log: Log): Promise<Service> => {
  let running = await bringUp(command)
  let quiet = false
  let restarting: Promise<void> = Promise.resolve()
  let stopping: Promise<void> | undefined
  let ended: string | undefined

  const watch = ({ supervised, pid }: Running): void => {
    void supervised.exited.then((code) => {
      if (quiet) return
      ended = ending(code)
      log(`${command.name} (pid ${pid}) exited unexpectedly: ${ended}; its last log lines:`)
      for (const line of supervised.tail().split('\n')) log(`  ${line}`)
    })
  }
  watch(running)

  const restart = async (): Promise<void> => {
    quiet = true
    await running.supervised.end({ keepFolder: true })
    // A failed start must leave the data for the next try; stop() removes it.
    running = await bringUp({ ...command, keepFolder: true, signal: undefined })
    quiet = false
    ended = undefined
    watch(running)
  }
  const stop = async (): Promise<void> => {
    await restarting.catch(() => {})
    quiet = true
    await running.supervised.end()
    await rm(command.folder, { recursive: true, force: true, maxRetries: 3 })
  }
  return {
    get pid() {
      return running.pid
    },
    get ended() {
      return ended
    },
    restart: () => (restarting = restart()),
    stop: () => (stopping ??= stop()),
    [Symbol.asyncDispose]: () => (stopping ??= stop()),
  }
}

/**
 * Runs a command to its end, and leaves its folder if it succeeds. Like a service it ends with this process, or when
 * `signal` aborts.
 *
 * @throws ServiceError when it does not end with 0
 */
export const runStep = async (command: Command, signal?: AbortSignal): Promise<void> => {
  signal?.throwIfAborted()
  const supervised = supervise(command)
  const giveUp = () => void supervised.end()
  signal?.addEventListener('abort', giveUp)
  const code = await supervised.exited
  signal?.removeEventListener('abort', giveUp)
  await supervised.end({ keepFolder: code === 0 })
  if (code !== 0) throw new ServiceError(command.name, `failed (${ending(code)})`, supervised.tail())
}
