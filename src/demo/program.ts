import type { Environment } from '#config/environment.ts'
import { host, onFreePort } from '#stack/ports.ts'
import type { Log, Service } from '#stack/service.ts'
import { startService, temporaryFolder } from '#stack/service.ts'

/** A process of this program that may be killed. */
export interface DemoProgram extends AsyncDisposable {
  readonly port: number
  /** How it exited by itself; undefined where it has not. */
  readonly problem: string | undefined
  /** With -9; it is started again at once, on the same port. Resolves when it is ready. */
  kill(): Promise<void>
}

export interface DemoProgramOptions {
  /** For people: `gateway 2`. */
  readonly name: string
  /** Preferred; 0: any free one. */
  readonly port: number
  readonly args: (port: number) => readonly string[]
  readonly environment: (port: number) => Environment
  /** The message of the log line that says that it runs. */
  readonly ready: string
  readonly log: Log
  readonly signal: AbortSignal
}

/**
 * Starts the program that runs, as it was started (from sources as well as from an installed package), once more.
 *
 * @throws ServiceError with its last lines when it does not come up
 */
export async function startDemoProgram(options: DemoProgramOptions): Promise<DemoProgram> {
  const { name, log, signal } = options
  const [node, program] = process.argv as [string, string]
  return onFreePort(options.port, async (port) => {
    let isKilled = false
    const service: Service = await startService(
      {
        name,
        file: node,
        args: [...process.execArgv, program, ...options.args(port)],
        environment: {
          ...options.environment(port),
          // It is ready when its log says so.
          INGESTER_LOG_OUTPUT: 'json',
          INGESTER_LOG_LEVEL: 'info',
        },
        folder: await temporaryFolder(name.replace(' ', '-')),
        stopSignal: 'TERM',
        graceSeconds: 30,
        ready: new RegExp(`"(msg|message)":"${options.ready}"`),
        readyWithinMs: 60_000,
        signal,
      },
      (line) => {
        if (!isKilled) log(line)
      },
    )
    return {
      port,
      get problem() {
        return isKilled || service.ended === undefined ? undefined : `${name} exited: ${service.ended}`
      },
      kill: async () => {
        isKilled = true
        process.kill(service.pid, 'SIGKILL')
        await service.restart()
        isKilled = false
      },
      [Symbol.asyncDispose]: () => service.stop(),
    }
  })
}

export const urlOf = ({ port }: Pick<DemoProgram, 'port'>) => `http://${host}:${port}`
