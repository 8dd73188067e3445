import type { View } from './screen.ts'
import { canMove, Screen } from './screen.ts'

/** The most warnings that are printed. */
const maxWarnings = 20

/**
 * What a command prints on stderr while it works: lines, and on a terminal below them a view that is redrawn.
 *
 * The progress bars of @clack/prompts take the terminal over and end the process at Ctrl-C, with exit code 0 and in
 * the middle of its work; here the first Ctrl-C means: finish the current batch.
 */
export class TerminalOutput implements Disposable {
  /** Whether the terminal can redraw; if not, there are only lines. */
  readonly canDraw: boolean
  readonly #screen: Screen
  #warnings = 0

  /** @param terminalType TERM */
  constructor(stream: NodeJS.WriteStream, terminalType: string | undefined) {
    this.canDraw = canMove(stream, terminalType)
    this.#screen = new Screen(stream)
  }

  say(lines: string): void {
    this.#screen.say(lines)
  }

  /** Prints lines that stay visible above the view. */
  keep(lines: string): void {
    this.#screen.keep(lines)
  }

  /** A line about one of many dead letters. */
  warn(id: number, why: string): void {
    this.#warnings += 1
    if (this.#warnings <= maxWarnings) this.say(`dead letter ${id}: ${why}`)
  }

  /** Replaces the view below the lines. */
  progress(view: View): void {
    if (this.canDraw) this.#screen.draw(view)
  }

  /** Ends the view; prints how many warnings were left out. */
  [Symbol.dispose](): void {
    this.#screen[Symbol.dispose]()
    if (this.#warnings > maxWarnings) this.say(`and ${this.#warnings - maxWarnings} more such lines`)
    this.#warnings = 0
  }
}
