/**
 * The states that were found, in the order in which they were found, a few words of 32 bits each. It is the set of
 * what was seen and the queue of what is to be looked at in one: 24 to 40 bytes a state of three words, nothing for
 * the garbage collector.
 */
export class StateTable {
  readonly #width: number
  #words: Uint32Array
  #parents: Int32Array
  /** Open addressing; a place holds an index + 1, or 0. */
  #places: Int32Array
  #size = 0

  constructor(width: number) {
    const capacity = 2 ** 14
    this.#width = width
    this.#words = new Uint32Array(capacity * width)
    this.#parents = new Int32Array(capacity)
    this.#places = new Int32Array(capacity * 2)
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#words.byteLength + this.#parents.byteLength + this.#places.byteLength
  }

  /** Says whether it is new. @param parent index of the state it came from; −1: none */
  add(words: Uint32Array, parent: number): boolean {
    const place = this.#placeOf(words, 0)
    if (this.#places[place] !== 0) return false
    if (this.#size === this.#parents.length) {
      this.#grow()
      return this.add(words, parent)
    }
    this.#words.set(words, this.#size * this.#width)
    this.#parents[this.#size] = parent
    this.#places[place] = ++this.#size
    return true
  }

  read(index: number, into: Uint32Array): void {
    const start = index * this.#width
    for (let i = 0; i < this.#width; i++) into[i] = this.#words[start + i] as number
  }

  /** Indices from the first state to this one. */
  pathTo(index: number): number[] {
    const path: number[] = []
    for (let at = index; at >= 0; at = this.#parents[at] as number) path.push(at)
    return path.reverse()
  }

  /** Where these words stand, or would. */
  #placeOf(words: Uint32Array, start: number): number {
    const mask = this.#places.length - 1
    let place = hashOf(words, start, this.#width) & mask
    for (;;) {
      const found = this.#places[place] as number
      if (found === 0 || this.#isAt(found - 1, words, start)) return place
      place = (place + 1) & mask
    }
  }

  #isAt(index: number, words: Uint32Array, start: number): boolean {
    const own = index * this.#width
    for (let i = 0; i < this.#width; i++) if (this.#words[own + i] !== words[start + i]) return false
    return true
  }

  #grow(): void {
    const capacity = this.#parents.length * 2
    const words = new Uint32Array(capacity * this.#width)
    words.set(this.#words)
    const parents = new Int32Array(capacity)
    parents.set(this.#parents)
    this.#words = words
    this.#parents = parents
    this.#places = new Int32Array(capacity * 2)
    for (let index = 0; index < this.#size; index++) {
      this.#places[this.#placeOf(this.#words, index * this.#width)] = index + 1
    }
  }
}

function hashOf(words: Uint32Array, start: number, width: number): number {
  let hash = 0x9e3779b9
  for (let i = 0; i < width; i++) {
    hash = Math.imul(hash ^ (words[start + i] as number), 0x85ebca6b)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
