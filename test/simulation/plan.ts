import type { Point } from '../simulated/servers/host.ts'
import type { Refusal } from '../simulated/servers/redis-endpoint.ts'
import type { Disorder } from '../simulated/servers/postgres-errors.ts'
import type { PlannedIdentity } from './identities.ts'
import type { PlannedMessage } from './workload.ts'
import type { workloads } from './workloads.ts'
import type { Weather } from '../simulated/servers/wire.ts'

/** Something that happens at a time, ms from the start. */
export type PlannedEvent = { readonly atMs: number } & (
  | { readonly do: 'publish'; readonly message: PlannedMessage; readonly as?: PlannedIdentity }
  /** The dead letters that are there are published again; where they are not marked, the next redrive does it once more. */
  | { readonly do: 'redrive'; readonly isMarked: boolean }
  /** The time of day goes on at once, for all. */
  | { readonly do: 'time passes'; readonly ms: number }
  /** At once, or where it says, the first time that it comes so far. Another process takes its place. */
  | { readonly do: 'crash'; readonly replica: number; readonly at?: Point; readonly restartMs: number }
  | { readonly do: 'graceful shutdown'; readonly replica: number; readonly restartMs: number }
  | { readonly do: 'forced shutdown'; readonly replica: number; readonly restartMs: number }
  | { readonly do: 'postgres away'; readonly forMs: number }
  | { readonly do: 'postgres frozen'; readonly forMs: number }
  | { readonly do: 'postgres disorder'; readonly forMs: number; readonly disorder: Disorder }
  | { readonly do: 'postgres cuts connections' }
  /** An application holds the rows of these keys, numbered as messages number them. */
  | { readonly do: 'postgres rows locked'; readonly keys: readonly number[]; readonly forMs: number }
  /** A table that ours refers to is emptied, and filled again. */
  | { readonly do: 'postgres loses parents'; readonly forMs: number }
  | { readonly do: 'redis away'; readonly forMs: number }
  | { readonly do: 'redis frozen'; readonly forMs: number }
  | { readonly do: 'redis refuses'; readonly forMs: number; readonly refusal: Refusal }
  | { readonly do: 'redis flushed' }
  /** Another server takes over, which knows what this one knew some time ago. */
  | { readonly do: 'redis fails over'; readonly staleMs: number }
  /** Foreign data is written to keys of ours. */
  | { readonly do: 'redis garbage' }
  | { readonly do: 'redis evicts' }
  | { readonly do: 'broker away'; readonly forMs: number }
  | { readonly do: 'broker repeats' }
  | { readonly do: 'broker expires leases' }
  /** The table is emptied; when all must have noticed, everything is delivered again. */
  | { readonly do: 'truncate and replay'; readonly replayMs: number }
  /** Another server takes over, which lacks the newest rows; then everything is delivered again. */
  | { readonly do: 'postgres fails over'; readonly replayMs: number }
)

/** Everything about one schedule that is not chance in small things; plain data, so that it can be cut down. */
export interface Plan {
  /** Decides the small things: latencies, fates of single calls, jitter. */
  readonly dice: number
  readonly workload: keyof typeof workloads
  readonly replicas: number
  readonly workers: number
  readonly maxBatchRecords: number
  readonly maxBatchBytes: number
  readonly flushIntervalMs: number
  readonly maxMessages: number
  readonly maxBytes: number
  readonly ackDeadlineMs: number
  /** False: no cache at all. */
  readonly cache: boolean
  readonly claims: boolean
  readonly watermarkLifeMs: number
  /** For how long the processes know identities, in turn; 24 where it is absent. */
  readonly horizonHours?: readonly number[]
  readonly weather: { readonly redis: Weather; readonly postgres: Weather; readonly broker: Weather }
  /** Shares of statements that lose a deadlock, or run out of time. */
  readonly conflicts: number
  readonly timeouts: number
  /** Share of statements that fail for a reason of the server's own, such as a full disk. */
  readonly strays: number
  /** Shares of deliveries that come twice, and of responses on streams that never arrive. */
  readonly duplicates: number
  readonly responsesLost: number
  /** How far deliveries overtake each other, and how long they dawdle. */
  readonly shuffle: number
  readonly dawdleMs: number
  readonly ignoresFlowControl: boolean
  readonly events: readonly PlannedEvent[]
}

/** The table has lost rows; everything is delivered again. */
export type ReplayedEvent = Extract<PlannedEvent, { readonly replayMs: number }>

/** Other faults of PostgreSQL or Redis. */
export type StoreEvent = Exclude<
  Extract<PlannedEvent, { readonly do: `postgres ${string}` | `redis ${string}` }>,
  ReplayedEvent
>

export function isReplayed(event: PlannedEvent): event is ReplayedEvent {
  return 'replayMs' in event
}
