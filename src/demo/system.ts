import type { Environment } from '#config/environment.ts'
import type { Config } from '#config/config.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { Stack } from '#stack/stack.ts'
import type { FleetCounts, Remaining } from './fleet-counts.ts'

/** What a demo has of its own: what is sent, how, and what must come of it. */
export interface DemoSystem {
  readonly pipeline: Pipeline
  /** Whether anything of it uses a Redis. */
  readonly redis: boolean
  /** Ingesters in the demo's own process. */
  readonly replicas: number
  /** Settings of the demo, under the user's own. */
  readonly defaults: Environment
  /** What has been checked where it has converged, in words. */
  readonly claim: string
  /** Counts that the live view shows of what is received. */
  readonly shown: readonly ShownCount[]
  /** Starts what stands between the traffic and the topic; nothing is sent yet. */
  start(setup: DemoSetup): Promise<Traffic>
}

export type ShownCount = keyof Pick<
  FleetCounts,
  'written' | 'coalesced' | 'stale' | 'duplicate' | 'deadLettered'
>

/** What a system is started with. */
export interface DemoSetup {
  readonly config: Config
  readonly stack: Stack
  /** For programs of ours: the user's own, with the addresses of the stack. */
  readonly environment: Environment
  /** Prints a line for people. */
  readonly report: (line: string) => void
  /** How long messages will be sent. Undefined: until the user's signal. */
  readonly forMs: number | undefined
  /** Aborts the startup. */
  readonly signal: AbortSignal
  /** Second signal: exit now. */
  readonly forceStop: AbortSignal
  /** Of the ingesters in this process. */
  readonly fleet: {
    /** Waits until so many messages are settled, or for the limit of the demo. */
    drain(messages: number): Promise<Remaining>
    /** Deliveries that they hold now. */
    readonly outstanding: number
  }
}

/** What is sent, until it is disposed of. */
export interface Traffic extends AsyncDisposable {
  /** For the startup summary: names of at most twelve characters, and what people can paste. */
  readonly facts: readonly (readonly [name: string, what: string])[]
  /** Messages that the broker has confirmed. */
  readonly published: number
  /** Instead of what the cache said, for the live view: a name, and how far its senders are. */
  readonly status?: readonly [name: string, what: string]
  /** Counts of its own, by their names in the summary. */
  readonly ownCounts: Readonly<Record<string, number>>
  /** Admin servers of ingesters in processes of their own. */
  readonly adminUrls: readonly string[]
  /** What those ingesters have done. */
  readonly counts?: FleetCounts
  readonly problems: readonly string[]
  /** Sends until the time of the setup or the signal ends it. */
  run(signal: AbortSignal): Promise<void>
  /** Waits until everything that was sent is settled, or for the limit of the demo. */
  drain(): Promise<Remaining>
  /** The rows of the latest times, for people. */
  newestRows(limit: number): Promise<RowsView>
  /** Looks at the tables, when nothing writes to them any more. Undefined after a forced stop. */
  verify(forceStop: AbortSignal): Promise<Verification | undefined>
}

export interface RowsView {
  /** Of the columns; the first is also the name of the whole. */
  readonly head: readonly string[]
  readonly cells: readonly (readonly string[])[]
  /** Columns that are aligned to the right. */
  readonly numeric: readonly number[]
}

export interface Verification {
  readonly rows: number
  /** Every way in which the tables are not as they must be, in words. */
  readonly differences: readonly string[]
}
