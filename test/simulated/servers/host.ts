import type { Clock } from '#runtime/clock.ts'

/** Moments at which a process may be killed, in the order of a message's life. */
export const points = [
  'received',
  'begin sent',
  'begin answered',
  'write sent',
  'write executed',
  'write failed',
  'write answered',
  'guards locked',
  'reuse looked up',
  'commit sent',
  'commit executed',
  'commit answered',
  'dead letters executed',
  'confirm sent',
  'release sent',
  'ack sent',
] as const
export type Point = (typeof points)[number]

/** The process that a client of a server runs in. Once it is dead nothing reaches it, and nothing leaves it. */
export interface Host {
  readonly name: string
  readonly alive: boolean
  readonly clock: Clock
  /** Something has come so far; the process may end here. */
  at(point: Point): void
}

/** A process as those see it who watch what it does. */
export interface Watched extends Host {
  /** Its shutdown was forced. */
  readonly aborted: boolean
}

/** What a process that is gone still waits for. */
export const never = <T>() => new Promise<T>(() => {})
