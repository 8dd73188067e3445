import type { Workload } from './workload.ts'

export type SystemName = 'ingester' | 'baseline' | 'PostgreSQL alone'

/** `watermarks`: without claims. */
export type Cache = 'on' | 'watermarks' | 'off'

/** One row of a bench's table: which system does what, and how it is measured. */
export interface Configuration {
  /** For people; unique within a bench. */
  readonly name: string
  readonly system: SystemName
  readonly workload: Workload
  /** Of the ingester: the path of another pipeline than `scans`, which reads the same messages into the same table. */
  readonly pipeline?: string
  readonly broker: 'emulator' | 'stub'
  /** Of the stub broker: the messages are not all encoded beforehand. */
  readonly asItGoes?: boolean
  readonly processes: number
  readonly cache: Cache
  readonly flushIntervalMs: number
  /** Of the baseline. */
  readonly flowControl?: 'default' | 'tuned'
  /** Of the latency and of memory: published at a rate, instead of loaded before. */
  readonly publishPerSecond?: number
  /** Besides the samples at the beginning and the end: one each time this many more are acked. */
  readonly sampleEvery?: number
  /** The most runs, where one takes long. */
  readonly mostRuns?: number
  /** Estimated duration, until it has been measured once. */
  readonly guessSeconds: number
}

/** What a bench measures: the whole of a backlog; single messages; the time to the first one; memory over time. */
export type Measure = 'throughput' | 'latency' | 'start' | 'memory'

export interface Bench {
  readonly name: string
  readonly title: string
  /** One sentence: what it shows. */
  readonly shows: string
  readonly measure: Measure
  readonly configurations: readonly Configuration[]
}

/** What was measured once. */
export interface Run {
  /** By name; see figures.ts. */
  readonly figures: Readonly<Record<string, number>>
  /** The samples taken during the run, in order. */
  readonly series: readonly Readonly<Record<string, number>>[]
}
