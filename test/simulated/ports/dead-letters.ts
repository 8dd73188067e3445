import type { DeadLetter, DeadLetterStore } from '#core/dead-letter.ts'
import type { FailureClass } from '#core/write-failure.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { LockWait } from '#core/sink.ts'
import { HotLoopGuard } from '../../support/hot-loop.ts'
import type { Journal } from '../../support/journal.ts'
import { textOf } from './source.ts'
import type { VirtualClock } from '../../support/virtual-clock.ts'

/** Keeps dead letters in memory; fails as told. */
export class SimulatedDeadLetters implements DeadLetterStore {
  readonly stored: DeadLetter[] = []
  /** Calls, whatever became of them. */
  attempts = 0
  #failure: WriteFailure | undefined

  readonly #journal: Journal
  readonly #guard: HotLoopGuard

  constructor(clock: VirtualClock, journal: Journal) {
    this.#journal = journal
    this.#guard = new HotLoopGuard('the dead-letter store', clock, journal)
  }

  /** From now on it fails so; the returned function fixes it. */
  fail(failureClass: FailureClass): () => void {
    this.#failure = new WriteFailure(failureClass, `the dead-letter store says ${failureClass}`)
    return () => this.fix()
  }

  fix(): void {
    this.#failure = undefined
  }

  /** Texts of the messages in it. */
  get texts(): string[] {
    return this.stored.map(({ delivery }) => textOf(delivery))
  }

  async store(batch: readonly DeadLetter[], _wait?: LockWait): Promise<void> {
    this.attempts += 1
    await this.#guard.pass()
    if (this.#failure) throw this.#failure
    this.stored.push(...batch)
    this.#journal.add(`dead-letter ${batch.map(({ delivery }) => textOf(delivery)).join(', ')}`)
  }
}
