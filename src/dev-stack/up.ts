import { once } from 'node:events'
import { emulatorHostOf, partsOf } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { programName } from '#runtime/program-name.ts'
import type { ControlOptions } from '#stack/control.ts'
import { serveControl } from '#stack/control.ts'
import type { ControlPlace } from '#stack/control-place.ts'
import type { Stack, StackOptions } from '#stack/stack.ts'
import { startStack } from '#stack/stack.ts'
import { clearLog, placeFor, withSocketErrors } from './place.ts'
import type { StackStatus } from './status.ts'
import { statusReporter } from './status.ts'
import { createSubscription } from './subscription.ts'
import { createTables } from './tables.ts'

export interface StackUpOptions {
  readonly environment: Environment
  readonly signal: AbortSignal
  readonly log: (line: string) => void
  /** Called once, when all of it is ready. */
  readonly started: (status: StackStatus) => void
}

/**
 * PostgreSQL with the tables, Redis and the Pub/Sub emulator with topic and subscription, until the signal, or until
 * `stackDown` is called from another process.
 *
 * @throws ConfigurationError where one runs already; UnreachableError where a part does not start
 */
export async function stackUp({ environment, signal, log, started }: StackUpOptions): Promise<void> {
  const asked = new AbortController()
  const stopping = AbortSignal.any([signal, asked.signal])
  const ready = Promise.withResolvers<() => StackStatus>()
  const place = await placeFor('stack', environment)
  const status = async () => (await ready.promise)()
  await using _ = await claim(place, { status, stop: () => asked.abort() })
  await using stack = await startedUnlessStopped(environment, { log, signal: stopping })
  if (stack) {
    const report = statusReporter(stack, 'stack')
    const config = partsOf(report().env, ['pubsub', 'consumer', 'postgres'])
    await createTables(stack, config)
    await createSubscription(stack, config)
    ready.resolve(report)
    if (!stopping.aborted) started(report())
    if (!stopping.aborted) await once(stopping, 'abort')
  }
  await clearLog(place)
}

/**
 * The stack as the environment configures it; undefined where the signal came first.
 *
 * @throws ConfigFault; UnreachableError for a service that fails to start, instead of a stack trace
 */
export async function startedUnlessStopped(
  environment: Environment,
  options: Pick<StackOptions, 'log' | 'redis'> & { readonly signal: AbortSignal },
): Promise<Stack | undefined> {
  const pubsubEmulatorHost = emulatorHostOf(environment)
  try {
    return await startStack({ ...options, pubsubEmulatorHost })
  } catch (error) {
    if (options.signal.aborted) return undefined
    throw new UnreachableError(messageOf(error), { cause: error })
  }
}

async function claim(place: ControlPlace, options: ControlOptions): Promise<AsyncDisposable> {
  try {
    return await withSocketErrors(() => serveControl(place, options))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new ConfigurationError(
      `the stack of this folder is already running: \`${programName} stack status\` shows where, \`stack down\` stops it`,
      { cause: error },
    )
  }
}
