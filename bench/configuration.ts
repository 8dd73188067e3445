import type { Workload } from './workload.ts'

export type Contestant = 'ingester' | 'naive' | 'PostgreSQL alone'

/** `watermarks`: without claims. */
export type Cache = 'on' | 'watermarks' | 'off'

/** One row of a bench's table: who does what, and how it is measured. */
export interface Configuration {
  /** For people; one of its kind within a bench. */
  readonly name: string
  readonly contestant: Contestant
  readonly workload: Workload
  readonly broker: 'emulator' | 'bare'
  /** Of the bare source: the messages are not all encoded beforehand. */
  readonly asItGoes?: boolean
  readonly processes: number
  readonly cache: Cache
  readonly flushIntervalMs: number
  /** Of the naive one. */
  readonly flowControl?: 'default' | 'tuned'
  /** Of the latency and of memory: published at a rate, instead of loaded before. */
  readonly publishPerSecond?: number
  /** Besides the beginning and the end of what is measured: a reading each time so many more are acked. */
  readonly readEvery?: number
  /** So many runs at most, where one takes long. */
  readonly mostRuns?: number
  /** A guess, until it has been measured once. */
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
  /** What was read on the way, in order. */
  readonly series: readonly Readonly<Record<string, number>>[]
}
