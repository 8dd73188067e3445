import type { Entry } from './entry.ts'

/**
 * A hash of a key: 32 bits, signed, since V8 keeps no larger numbers in place. FNV-1a over UTF-16 code units. It chooses
 * the key's lane, and finds its entry there.
 */
export function hashOfKey(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash | 0
}

/**
 * Entries that wait, one a key, in the order in which they came.
 *
 * They are found by the hash of their key: with thousands of keys in a Map each look-up reads the texts of several, which
 * lie all over the memory. (Sampled under load, a key's way in and out took 2.2 µs of the 20 of a message.)
 */
export class Line {
  readonly #byHash = new Map<number, Entry>()
  /**
   * Those whose hash is also that of another key. One in a million, unless someone chooses keys so; then this is a Map as
   * good as any. They go first, so that none of them waits for ever.
   */
  readonly #others = new Map<string, Entry>()

  get size(): number {
    return this.#byHash.size + this.#others.size
  }

  /** That of this key, if any. */
  get(key: string, hash: number): Entry | undefined {
    const entry = this.#byHash.get(hash)
    if (entry?.winner.record.key === key) return entry
    // Also where no other has its hash any more.
    return this.#others.size === 0 ? undefined : this.#others.get(key)
  }

  /** At the end; there is none of its key. */
  add(entry: Entry): void {
    if (this.#byHash.has(entry.hash)) this.#others.set(entry.winner.record.key, entry)
    else this.#byHash.set(entry.hash, entry)
  }

  /** One that is there. */
  remove(entry: Entry): void {
    if (this.#byHash.get(entry.hash) === entry) this.#byHash.delete(entry.hash)
    else this.#others.delete(entry.winner.record.key)
  }

  /** The one that came first. */
  get oldest(): Entry | undefined {
    const first = this.#byHash.values().next().value
    if (this.#others.size === 0) return first
    const other = this.#others.values().next().value
    return first && other && first.linedUpAtMs <= other.linedUpAtMs ? first : (other ?? first)
  }

  /** In the order in which they should go. They may be removed meanwhile. */
  entries(): Iterable<Entry> {
    if (this.#others.size === 0) return this.#byHash.values()
    return [...this.#others.values(), ...this.#byHash.values()]
  }
}
