import type { Begun, Cache, CacheRecord } from '#core/cache.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { FailureClass } from '#core/write-failure.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { LockWait, Sink, Stored } from '#core/sink.ts'
import type { WholeSink } from './whole-sink.ts'

/** What a process that vanished still waits for. */
const never = () => new Promise<never>(() => {})

export interface WriteFault {
  readonly class: FailureClass
  readonly times: number
  /** Whether the rows are committed all the same. */
  readonly commits?: boolean
}

/** The real writer, which can be made to wait or to fail. */
export class TappedWriter implements Sink {
  /** Writes that wait for the end of `block`. */
  waiting = 0
  vanished = false
  readonly #writer: WholeSink
  #gate: Promise<void> | undefined
  #fault: { -readonly [Name in keyof WriteFault]: WriteFault[Name] } = { class: 'unknown', times: 0 }

  constructor(writer: WholeSink) {
    this.#writer = writer
  }

  /** From now on writes wait; returns what lets them go. */
  block(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = promise
    return () => {
      this.#gate = undefined
      resolve()
    }
  }

  fail(fault: WriteFault): void {
    this.#fault = { ...fault }
  }

  fix(): void {
    this.#fault.times = 0
  }

  async write(records: readonly KeyedRecord[], wait?: LockWait): Promise<Stored> {
    this.waiting += 1
    await this.#gate
    this.waiting -= 1
    if (this.vanished) return never()
    if (this.#fault.times === 0) return await this.#writtenUnlessVanished(records, wait)
    this.#fault.times -= 1
    if (this.#fault.commits) await this.#writtenUnlessVanished(records, wait)
    throw new WriteFailure(this.#fault.class, 'the table fails, as the test said')
  }

  async locked(records: readonly KeyedRecord[]): Promise<readonly KeyedRecord[]> {
    return this.vanished ? never() : await this.#writer.locked(records)
  }

  async rewriteExistingRow(): Promise<boolean> {
    return this.vanished ? never() : await this.#writer.rewriteExistingRow()
  }

  async #writtenUnlessVanished(records: readonly KeyedRecord[], wait?: LockWait): Promise<Stored> {
    const stored = await this.#writer.write(records, wait)
    return this.vanished ? never() : stored
  }
}

/** The real cache, whose confirms a test can send as it likes. */
export class TappedCache implements Cache {
  vanished = false
  /** Calls of `begin` that wait for their answer. */
  pending = 0
  /** Times that claims were released. */
  releases = 0
  /** What becomes of a confirm. */
  onConfirm: (send: () => Promise<void>) => Promise<void> = (send) => send()
  readonly #cache: Cache

  constructor(cache: Cache) {
    this.#cache = cache
  }

  async begin(records: readonly CacheRecord[], token: string): Promise<Begun> {
    if (this.vanished) return never()
    this.pending += 1
    const begun = await this.#cache.begin(records, token)
    this.pending -= 1
    if (this.vanished) return never()
    return {
      verdicts: begun.verdicts,
      confirm: async (done) => {
        if (!this.vanished) await this.onConfirm(() => begun.confirm(done))
      },
      release: async (failed) => {
        if (this.vanished) return never()
        this.releases += 1
        await begun.release(failed)
      },
    }
  }
}
