import type { View } from './screen.ts'
import { canMove, Screen } from './screen.ts'

/** Of lines that are all alike a reader wants to see so many. */
const mostNotes = 20

/**
 * What a command says on stderr while it works: lines, and on a terminal below them what is drawn again and again.
 *
 * The progress bars of @clack/prompts take the terminal over and end the process at Ctrl-C, with exit code 0 and in
 * the middle of whatever it does; here a first Ctrl-C means: finish what is in hand.
 */
export class TerminalOutput implements Disposable {
  /** Whether there is a terminal that can draw; if not, there are lines alone. */
  readonly canDraw: boolean
  readonly #screen: Screen
  #notes = 0

  /** @param terminalType TERM */
  constructor(stream: NodeJS.WriteStream, terminalType: string | undefined) {
    this.canDraw = canMove(stream, terminalType)
    this.#screen = new Screen(stream)
  }

  say(lines: string): void {
    this.#screen.say(lines)
  }

  /** Says lines that are to stay in sight above what is drawn. */
  keep(lines: string): void {
    this.#screen.keep(lines)
  }

  /** A line about one of many letters. */
  warn(id: number, why: string): void {
    this.#notes += 1
    if (this.#notes <= mostNotes) this.say(`dead letter ${id}: ${why}`)
  }

  /** What stands below the lines from now on, in place of what stood there. */
  progress(view: View): void {
    if (this.canDraw) this.#screen.draw(view)
  }

  /** No more progress; says how many notes were kept back. */
  [Symbol.dispose](): void {
    this.#screen[Symbol.dispose]()
    if (this.#notes > mostNotes) this.say(`and ${this.#notes - mostNotes} more such lines`)
    this.#notes = 0
  }
}
