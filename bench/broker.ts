import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { killWithParent } from '../test/support/kill-on-exit.ts'
import { Progress, stalledMs } from './progress.ts'
import type { Workload } from './workload.ts'

export const projectId = 'bench-project'
/** The pipeline's own names. */
export const topic = `projects/${projectId}/topics/scan-topic`
export const subscription = `projects/${projectId}/subscriptions/scan-sub`

export interface BrokerOptions {
  /** `stub`: see stub-broker.ts. */
  readonly kind: 'emulator' | 'stub'
  readonly workload: Workload
  /** Numbers of acks that are reported when they are reached. */
  readonly marks: readonly number[]
  /** Of the stub broker: encode all messages before it is ready, rather than as they are sent. */
  readonly preEncode: boolean
  /** Of the emulator: nothing is loaded; publishing begins on request. */
  readonly publishPerSecond: number | undefined
}

export interface BrokerCounts {
  readonly acked: number
  /** Deadlines that were changed; counted by the stub broker only. */
  readonly modacked: number
}

/** By message, in Unix ms; 0 where it has not happened. */
export interface Published {
  readonly publishedMs: Float64Array
  readonly ackedMs: Float64Array
}

export type FromBroker =
  | { readonly kind: 'ready'; readonly emulatorHost: string; readonly seconds: number }
  | { readonly kind: 'reached'; readonly mark: number; readonly unixMs: number }
  | { readonly kind: 'counts'; readonly counts: BrokerCounts }
  | { readonly kind: 'published'; readonly published: Published }

export type ToBroker = { readonly kind: 'publish' } | { readonly kind: 'report' }

export interface Broker extends AsyncDisposable {
  readonly pid: number
  readonly emulatorHost: string
  /** As of half a second ago at most. */
  readonly counts: BrokerCounts
  /** Resolves with the Unix time in ms when `mark` messages are acked; rejects when no ack comes for a minute. */
  reached(mark: number): Promise<number>
  /** Begins to publish. */
  publish(): void
  published(): Promise<Published>
}

/**
 * Starts the broker in a process of its own; resolves when it is loaded.
 *
 * @throws Error where it makes no progress for `limitMs`
 */
export async function startBroker(options: BrokerOptions, limitMs = stalledMs): Promise<Broker> {
  const file = fileURLToPath(new URL('./broker-process.ts', import.meta.url))
  const child = fork(file, [JSON.stringify(options)], {
    serialization: 'advanced',
    // A terminal's Ctrl-C is for the parent.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  killWithParent(child.pid as number, ended)
  const ready = Promise.withResolvers<Extract<FromBroker, { kind: 'ready' }>>()
  const arrived = Promise.withResolvers<Published>()
  let counts: BrokerCounts = { acked: 0, modacked: 0 }
  let stalled = () => 'the broker was not loaded'
  const progress = new Progress(options.marks, () => `${stalled()} within ${limitMs / 1000} s`, limitMs)

  child.on('message', (message: FromBroker) => {
    if (message.kind === 'ready') ready.resolve(message)
    if (message.kind === 'published') arrived.resolve(message.published)
    if (message.kind === 'reached') progress.reach(message.mark, message.unixMs)
    if (message.kind !== 'counts') return
    if (message.counts.acked > counts.acked) progress.moved()
    counts = message.counts
  })
  child.once('exit', (code, signal) =>
    progress.fail(new Error(`the broker's process has ended: ${code ?? signal}`)),
  )
  child.once('error', (error) => progress.fail(error))

  const dispose = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended
  }
  try {
    const { emulatorHost } = await progress.within(ready.promise)
    stalled = () => `after ${counts.acked} acks no other one came`
    return {
      pid: child.pid as number,
      emulatorHost,
      get counts() {
        return counts
      },
      reached: (mark) => progress.reached(mark),
      publish: () => void child.send({ kind: 'publish' } satisfies ToBroker),
      published: () => {
        child.send({ kind: 'report' } satisfies ToBroker)
        stalled = () => 'the broker did not tell when messages were acked'
        return progress.within(arrived.promise)
      },
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}
