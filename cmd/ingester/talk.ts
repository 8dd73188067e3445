import { createLogUpdate } from 'log-update'
import type { Size } from './demo-view.ts'

/** Of lines that are all alike a reader wants to see so many. */
const mostNotes = 20

/**
 * What a command says on stderr while it works: lines, and on a terminal below them what is drawn again and again.
 *
 * The progress bars of @clack/prompts take the terminal over and end the process at Ctrl-C, with exit code 0 and in
 * the middle of whatever it does; here a first Ctrl-C means: finish what is in hand.
 */
export class Talk implements Disposable {
  readonly #stream: NodeJS.WriteStream
  readonly #draw: ReturnType<typeof createLogUpdate>
  #drawn = ''
  #notes = 0

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
    // A hidden cursor would stay hidden after a kill -9.
    this.#draw = createLogUpdate(stream, { showCursor: true })
  }

  get size(): Size {
    return { columns: this.#stream.columns || 80, rows: this.#stream.rows || 24 }
  }

  say(lines: string): void {
    if (this.#drawn === '') return void this.#stream.write(`${lines}\n`)
    this.#draw.clear()
    this.#stream.write(`${lines}\n`)
    this.#draw(this.#drawn)
  }

  /** A line about one of many letters. */
  note(id: number, why: string): void {
    this.#notes += 1
    if (this.#notes <= mostNotes) this.say(`letter ${id}: ${why}`)
  }

  /** What stands below the lines from now on, in place of what stood there. */
  progress(lines: string): void {
    if (!this.#stream.isTTY) return
    this.#drawn = lines
    this.#draw(lines)
  }

  /** No more progress; says how many notes were kept back. */
  [Symbol.dispose](): void {
    if (this.#drawn !== '') this.#draw.clear()
    this.#drawn = ''
    if (this.#notes > mostNotes) this.say(`and ${this.#notes - mostNotes} more such lines`)
    this.#notes = 0
  }
}
