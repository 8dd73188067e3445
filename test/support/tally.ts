import assert from 'node:assert/strict'
import type { Settlement } from '#core/delivery.ts'
import { noneSettled } from '#core/delivery.ts'
import type { Observer, Step } from '#core/observer.ts'
import type { FailureClass } from '#core/write-failure.ts'
import { countBreaches } from '../oracle/counts.ts'

/** Counts what an engine says that it did. */
export class Tally implements Observer {
  receivedCount = 0
  readonly settledCount: Record<Settlement, number> = noneSettled()
  readonly deadLetterReasons: Record<string, number> = {}
  /** Records by the rule that ignored them. */
  readonly ignoredByRule: Record<string, number> = {}
  readonly failures: FailureClass[] = []
  readonly steps: Step[] = []
  /** Sizes of the batches, in order. */
  readonly batches: number[] = []
  readonly commitAges: number[] = []
  /** Every reason that was told, `undefined` for none, in order. */
  readonly reasons: (string | undefined)[] = []

  received(deliveries: readonly unknown[]): void {
    this.receivedCount += deliveries.length
  }

  settled(settlement: Settlement, count: number): void {
    this.settledCount[settlement] += count
  }

  ignored(rule: string, count: number): void {
    this.ignoredByRule[rule] = (this.ignoredByRule[rule] ?? 0) + count
  }

  /** But for those that the sink ignored. */
  get ignoredOnArrival(): Record<string, number> {
    const { expired: _, ...others } = this.ignoredByRule
    return others
  }

  batchSealed(records: number): void {
    this.batches.push(records)
  }

  stepTimed(step: Step): void {
    this.steps.push(step)
  }

  committed(seconds: number): void {
    this.commitAges.push(seconds)
  }

  deadLettered(reason: string, count: number): void {
    this.deadLetterReasons[reason] = (this.deadLetterReasons[reason] ?? 0) + count
  }

  writeFailed(failureClass: FailureClass): void {
    this.failures.push(failureClass)
  }

  held(reason: string | undefined): void {
    this.reasons.push(reason)
  }

  /** The settlements that happened at all. */
  get ended(): Partial<Record<Settlement, number>> {
    return Object.fromEntries(Object.entries(this.settledCount).filter(([, count]) => count > 0))
  }

  /** received = written + coalesced + stale + duplicate + ignored + dead-lettered + nacked + outstanding */
  assertBalanced(outstanding: number): void {
    const { 'dead-lettered': deadLettered, ...settled } = this.settledCount
    const counts = { received: this.receivedCount, ...settled, deadLettered, outstanding }
    assert.deepEqual(countBreaches('the engine', counts), [])
    const ignored = Object.values(this.ignoredByRule).reduce((sum, count) => sum + count, 0)
    assert.ok(
      ignored >= settled.ignored,
      'each delivery that ends as ignored has a record that a rule ignored',
    )
  }
}
