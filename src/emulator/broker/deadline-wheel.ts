import type { Clock } from './clock.ts'
import type { Entry } from './entry.ts'
import { EntryList } from './entry.ts'

/** Deadlines are kept to this; never early. */
const resolutionMs = 20

class Bucket extends EntryList {
  readonly number: number

  constructor(number: number) {
    super()
    this.number = number
  }
}

/**
 * Entries by the time at which something is due for them. Adding, moving and removing one take constant time however
 * many there are; entries that are due within the same few milliseconds share a bucket, and all buckets one timer.
 */
export class DeadlineWheel implements Disposable {
  readonly #clock: Clock
  readonly #due: (entry: Entry) => void
  readonly #buckets = new Map<number, Bucket>()
  #timer: { readonly bucket: number; readonly cancel: () => void } | undefined

  /** @param due gets each entry when its time has come; it is in no list then */
  constructor(clock: Clock, due: (entry: Entry) => void) {
    this.#clock = clock
    this.#due = due
  }

  /** @param inMs from now */
  add(entry: Entry, inMs: number): void {
    const number = Math.ceil((this.#clock.now() + inMs) / resolutionMs)
    let bucket = this.#buckets.get(number)
    if (!bucket) {
      bucket = new Bucket(number)
      this.#buckets.set(number, bucket)
    }
    bucket.push(entry)
    if (!this.#timer || number < this.#timer.bucket) this.#arm(number)
  }

  /** @param entry one that was added and is not yet due */
  remove(entry: Entry): void {
    const bucket = entry.list as Bucket
    bucket.remove(entry)
    if (bucket.size === 0) this.#buckets.delete(bucket.number)
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#buckets.clear()
  }

  #arm(bucket: number): void {
    this.#timer?.cancel()
    const inMs = Math.max(0, bucket * resolutionMs - this.#clock.now())
    const cancel = this.#clock.after(inMs, () => this.#fire())
    this.#timer = { bucket, cancel }
  }

  #fire(): void {
    this.#timer = undefined
    const now = this.#clock.now() / resolutionMs
    const due = [...this.#buckets.keys()].filter((number) => number <= now).sort((a, b) => a - b)
    for (const number of due) {
      const bucket = this.#buckets.get(number)
      // What is done for one entry may remove another.
      for (let entry = bucket?.shift(); entry; entry = bucket?.shift()) this.#due(entry)
      this.#buckets.delete(number)
    }
    const next = this.#buckets.keys().reduce((least, number) => Math.min(least, number), Infinity)
    if (next < Infinity) this.#arm(next)
  }
}
