/** Names of members and indexes of elements, from the outside in. */
export type Segments = readonly (string | number)[]

/**
 * A value that is wanted or has wanted ones inside, as it hangs in the tree of all of them: what a scanner knows before it
 * sees a message, and in which order the members came in the last one.
 */
export class WantedValue {
  readonly segments: Segments
  /** Of a member: the bytes of its name as they stand in a message; undefined: there it has an escape in any case. */
  readonly name: Uint8Array | undefined
  /** Where the scanner keeps what it finds; -1 until all paths are known. */
  place = -1
  readonly byName = new Map<string, WantedValue>()
  /** By their indexes, ascending. */
  readonly elements: { readonly index: number; readonly value: WantedValue }[] = []
  /** Places that are out of reach in what is not an object, and in what is not an array. */
  inMembers: readonly number[] = []
  inElements: readonly number[] = []
  /** The member that came first in the last message, and the one that came after this one: producers keep their order. */
  first: WantedValue | undefined
  next: WantedValue | undefined
  /** Members by the hash of their names; those of one hash are linked. */
  #buckets: (WantedValue | undefined)[] = [undefined]
  #sameHash: WantedValue | undefined

  constructor(segments: Segments) {
    this.segments = segments
    this.name = nameBytes(segments.at(-1))
  }

  /** The value at that name or index in this one. */
  child(segment: string | number): WantedValue {
    const known =
      typeof segment === 'string'
        ? this.byName.get(segment)
        : this.elements.find(({ index }) => index === segment)?.value
    if (known) return known
    const value = new WantedValue([...this.segments, segment])
    if (typeof segment === 'string') this.byName.set(segment, value)
    else this.elements.push({ index: segment, value })
    return value
  }

  /** To be called once the tree is whole and every value has its place. */
  complete(): void {
    const members = [...this.byName.values()]
    const elements = this.elements.sort((a, b) => a.index - b.index).map(({ value }) => value)
    for (const value of [...members, ...elements]) value.complete()
    this.inMembers = members.flatMap((value) => value.#places())
    this.inElements = elements.flatMap((value) => value.#places())
    this.first = members[0]
    for (const [at, member] of members.entries()) member.next = members[at + 1]
    this.#buckets = Array.from({ length: bucketsFor(members.length) }, () => undefined)
    for (const member of members) this.#file(member)
  }

  #places(): number[] {
    return [this.place, ...this.inMembers, ...this.inElements]
  }

  #file(member: WantedValue): void {
    const { name } = member
    if (!name) return
    const at = hash(name, 0, name.length) & (this.#buckets.length - 1)
    member.#sameHash = this.#buckets[at]
    this.#buckets[at] = member
  }

  /** The wanted member whose name has exactly the bytes between `from` and `to`. */
  memberAt(bytes: Buffer, from: number, to: number): WantedValue | undefined {
    let member = this.#buckets[hash(bytes, from, to) & (this.#buckets.length - 1)]
    while (member && !isName(member, bytes, from, to)) member = member.#sameHash
    return member
  }
}

/** A scanner's tree, in which the values that are wanted have the places of their paths, and those around them later ones. */
export interface WantedTree {
  readonly root: WantedValue
  readonly places: number
  /** Paths that are there twice, each with the place of the first. */
  readonly repeated: readonly (readonly [place: number, first: number])[]
}

export function wantedTree(paths: readonly Segments[]): WantedTree {
  const root = new WantedValue([])
  const all = new Set([root])
  const repeated: [number, number][] = []
  for (const [place, path] of paths.entries()) {
    let value = root
    for (const segment of path) all.add((value = value.child(segment)))
    if (value.place < 0) value.place = place
    else repeated.push([place, value.place])
  }
  let places = paths.length
  for (const value of all) if (value.place < 0) value.place = places++
  root.complete()
  return { root, places, repeated }
}

/** Whether the bytes from `from` on are the member's name with its closing quote. */
export function isNext({ name }: WantedValue, bytes: Buffer, from: number, to: number): boolean {
  if (!name || from + name.length >= to) return false
  return bytes[from + name.length] === 0x22 && isAt(name, bytes, from)
}

function isName({ name }: WantedValue, bytes: Buffer, from: number, to: number): boolean {
  return name?.length === to - from && isAt(name, bytes, from)
}

function isAt(name: Uint8Array, bytes: Buffer, from: number): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name[i]) return false
  return true
}

/** JSON writes quotes, backslashes, control characters and lone surrogates as escapes only. */
function nameBytes(segment: string | number | undefined): Uint8Array | undefined {
  if (typeof segment !== 'string' || JSON.stringify(segment) !== `"${segment}"`) return undefined
  return Uint8Array.from(Buffer.from(segment))
}

function hash(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length === 0) return 0
  const middle = bytes[from + (length >> 1)] as number
  return 29 * length + 7 * middle + (bytes[from] as number) + 3 * (bytes[to - 1] as number)
}

/** A power of two. */
function bucketsFor(members: number): number {
  return 2 ** Math.ceil(Math.log2(2 * members + 1))
}
