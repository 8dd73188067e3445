import type { Story } from './story.ts'
import type { Wire } from './wire.ts'

/** A process's end of the wire. */
export interface Connected {
  /** It breaks. */
  cut(): void
}

/** Where a server is reached: it may be away, or frozen, which takes requests and answers none until it thaws. */
export abstract class Endpoint {
  readonly wire: Wire
  readonly story: Story
  #away = false
  #frozen: (() => void)[] | undefined

  constructor(wire: Wire, story: Story) {
    this.wire = wire
    this.story = story
  }

  get away(): boolean {
    return this.#away
  }

  get frozen(): boolean {
    return this.#frozen !== undefined
  }

  /** All connections to it break. */
  abstract cutAll(): void

  /** Breaks all connections and lets none in. What it had not begun is lost. */
  leave(): void {
    this.#away = true
    this.#frozen = undefined
    this.cutAll()
  }

  comeBack(): void {
    this.#away = false
  }

  freeze(): void {
    this.#frozen ??= []
  }

  thaw(): void {
    const waiting = this.#frozen ?? []
    this.#frozen = undefined
    for (const work of waiting) work()
  }

  /** A request has arrived: it is executed, now or after a thaw, even if its caller is gone. */
  receive(work: () => void): void {
    if (this.#away) return
    if (this.#frozen) this.#frozen.push(work)
    else work()
  }
}
