import type { MessageLayout } from './message-layout.ts'
import { layoutOf, numberBetween, pastFixed, pastValue } from './message-layout.ts'
import { RecentTexts } from './recent-texts.ts'

/** A text, a number, or undefined where the message has no such field. */
export type FieldValue = string | number | undefined

interface KnownLayout extends MessageLayout {
  /** Messages that matched, since the last layout was learned. */
  matches: number
}

const maxLayouts = 4
/** A larger message is worth no attempt to learn from it. */
export const maxFamiliarBytes = 65_536
/** To learn from a message takes as long as to parse it; so at most one in so many that no layout matches is learned from. */
const learnEvery = 1000

/**
 * Reads named fields out of JSON objects that look as earlier ones did, as those of one producer do: of a message that it
 * does not know it learns the layout, the bytes between its values. It never rejects anything: what no layout matches
 * gives undefined, and is left to the parser that knows every case. What it does read is what `JSON.parse` would have
 * given; a property test compares the two.
 *
 * A scan of 150 bytes takes about as long as with JSON.parse and leaves 140 bytes of garbage, its texts, where that leaves
 * 700. (As a regular expression a layout takes as long, and leaves 500.)
 */
export class FieldReader {
  readonly #paths: readonly string[]
  readonly #values: FieldValue[]
  /** Where the value of each field begins and ends. */
  readonly #spans: Int32Array
  readonly #texts = new RecentTexts()
  readonly #learnEvery: number
  readonly #layouts: KnownLayout[] = []
  #missed = 0

  /** @param paths of the wanted fields, with dots between the names of nested ones */
  constructor(paths: readonly string[], options: { readonly learnEvery?: number } = {}) {
    this.#paths = paths
    this.#values = paths.map(() => undefined)
    this.#spans = new Int32Array(2 * paths.length)
    this.#learnEvery = options.learnEvery ?? learnEvery
  }

  /**
   * The values of the fields of the message between `from` and `to`, in the order of their paths; undefined where no layout
   * matches. The array is the reader's own, and holds these values until the next call.
   */
  read(bytes: Buffer, from = 0, to = bytes.length): readonly FieldValue[] | undefined {
    if (to - from > maxFamiliarBytes) return undefined
    for (const layout of this.#layouts) {
      if (!this.#matches(layout, bytes, from, to)) continue
      layout.matches += 1
      return this.#valuesOf(layout, bytes)
    }
    if (this.#missed % this.#learnEvery === 0) this.#learn(bytes.toString('latin1', from, to))
    this.#missed += 1
    return undefined
  }

  /** Makes no value before all of the message is known to match. */
  #matches({ members, end }: MessageLayout, bytes: Buffer, from: number, to: number): boolean {
    let at = from
    for (const { before, kind, place } of members) {
      const begin = pastFixed(before, bytes, at)
      if (begin < 0) return false
      at = pastValue(kind, bytes, begin)
      if (at < 0) return false
      if (place < 0) continue
      this.#spans[2 * place] = begin
      this.#spans[2 * place + 1] = at
    }
    // Its neighbours in the response may go on as if they belonged to it.
    return pastFixed(end, bytes, at) === to
  }

  #valuesOf({ members }: MessageLayout, bytes: Buffer): readonly FieldValue[] {
    this.#values.fill(undefined)
    for (const { kind, place } of members) {
      if (place < 0) continue
      const begin = this.#spans[2 * place] as number
      const end = this.#spans[2 * place + 1] as number
      this.#values[place] =
        kind === 'number' ? numberBetween(bytes, begin, end) : this.#texts.between(bytes, begin, end)
    }
    return this.#values
  }

  /** The layout that matched least makes room. */
  #learn(message: string): void {
    let value: unknown
    try {
      value = JSON.parse(message)
    } catch {
      return
    }
    const layout = layoutOf(value, this.#paths)
    if (!layout) return
    this.#layouts.sort((a, b) => b.matches - a.matches)
    this.#layouts.splice(maxLayouts - 1)
    for (const known of this.#layouts) known.matches = 0
    this.#layouts.push({ ...layout, matches: 0 })
  }
}
