/** Rows and guards share the keys. */
export type LockName = `row ${string}` | `guard ${string}` | `identity ${string}`

export interface Request {
  readonly waitMs: number
  readonly after: (ms: number, fn: () => void) => void
  /** @param isGranted false: one of them was waited for in vain */
  readonly done: (isGranted: boolean) => void
}

interface Waiting {
  readonly owner: object
  readonly proceed: () => void
}

/** Who holds which rows, guards and identities, until the end of the transaction. */
export class Locks {
  readonly #holders = new Map<string, object>()
  /** By applications. */
  readonly #foreign = new Set<string>()
  readonly #waiting = new Set<Waiting>()

  /** Whether it could be had at once. */
  isFree(name: LockName, owner?: object): boolean {
    const holder = this.#holders.get(name)
    return !this.#foreign.has(name) && (holder === undefined || holder === owner)
  }

  hold(name: LockName, owner: object): void {
    this.#holders.set(name, owner)
  }

  /** One after the other, in the order of their names, as `ORDER BY` has it: those that it has are held while it waits. */
  request(names: readonly LockName[], owner: object, { waitMs, after, done }: Request): void {
    const left = [...new Set(names)].sort()
    const waiting: Waiting = { owner, proceed: () => proceed() }
    const proceed = () => {
      while (left[0] !== undefined && this.isFree(left[0], owner)) this.hold(left.shift() as LockName, owner)
      if (left.length > 0) return
      this.#waiting.delete(waiting)
      done(true)
    }
    this.#waiting.add(waiting)
    proceed()
    if (!this.#waiting.has(waiting)) return
    after(waitMs, () => {
      if (this.#waiting.delete(waiting)) done(false)
    })
  }

  /** Of one that ends, also what it waits for. */
  release(owner: object): void {
    for (const [name, holder] of this.#holders) if (holder === owner) this.#holders.delete(name)
    for (const waiting of this.#waiting) if (waiting.owner === owner) this.#waiting.delete(waiting)
    this.#wake()
  }

  /** An application holds the row of a key, or inserts it and does not commit. */
  holdForApplication(key: string): void {
    this.#foreign.add(`row ${key}`)
  }

  /** @param keys all, if absent */
  releaseForApplication(keys?: readonly string[]): void {
    if (keys) for (const key of keys) this.#foreign.delete(`row ${key}`)
    else this.#foreign.clear()
    this.#wake()
  }

  #wake(): void {
    for (const waiting of this.#waiting) waiting.proceed()
  }
}
