import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Stored } from '#core/sink.ts'
import type { Counts } from '../oracle/counts.ts'
import type { Ack } from '../simulated/servers/broker.ts'
import type { TableObserver } from '../simulated/servers/postgres-transaction.ts'
import type { SimulatedRedis } from '../simulated/servers/redis.ts'
import type { PublishedAs } from './identities.ts'
import type { PlannedMessage } from './workload.ts'

/** Knows all that the broker has accepted, and holds the oracle to what becomes of it while a schedule runs. */
export interface Referee extends Required<TableObserver> {
  published(id: string, message: PlannedMessage, as: PublishedAs): void
  /** Asked before an ack is accepted. */
  beforeAck(ack: Ack): void
  /** A process's writer has answered. */
  answered(by: string, records: readonly KeyedRecord[], stored: Stored): void
  /** To be called before tables lose rows. */
  losing(atMs: number, cutsOff: boolean): void
  /** To be called when that has happened. */
  lost(): void
  checkWatermarks(redis: SimulatedRedis, names?: readonly string[]): void
  checkCounts(replicas: readonly { readonly name: string; readonly counts: Counts }[]): void
  /** What must hold when the faults have stopped and `settlingMs` have passed. */
  checkEnding(ackedIds: ReadonlySet<string>, settlingMs: number): void
}
