import { clearLine, cursorTo } from 'node:readline'

/** Of lines that are all alike a reader wants to see so many. */
const mostNotes = 20

/**
 * What a command says on stderr while it works: lines, and on a terminal one line of progress below them.
 *
 * The progress bars of @clack/prompts take the terminal over and end the process at Ctrl-C, with exit code 0 and in
 * the middle of whatever it does; here a first Ctrl-C means: finish what is in hand.
 */
export class Talk implements Disposable {
  readonly #stream: NodeJS.WriteStream
  #progress = ''
  #notes = 0

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  say(line: string): void {
    this.#erase()
    this.#stream.write(`${line}\n`)
    this.#draw()
  }

  /** A line about one of many letters. */
  note(id: number, why: string): void {
    this.#notes += 1
    if (this.#notes <= mostNotes) this.say(`letter ${id}: ${why}`)
  }

  progress(line: string): void {
    if (!this.#stream.isTTY) return
    this.#erase()
    this.#progress = line
    this.#draw()
  }

  /** No more progress; says how many notes were kept back. */
  [Symbol.dispose](): void {
    this.#erase()
    this.#progress = ''
    if (this.#notes > mostNotes) this.say(`and ${this.#notes - mostNotes} more such lines`)
    this.#notes = 0
  }

  #erase(): void {
    if (this.#progress === '') return
    clearLine(this.#stream, 0)
    cursorTo(this.#stream, 0)
  }

  #draw(): void {
    if (this.#progress !== '') this.#stream.write(this.#progress)
  }
}

/** Whether somebody sits there who can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Asks on stderr; Ctrl-C is a no. */
export async function askWhether(question: string): Promise<boolean> {
  const { confirm } = await import('@clack/prompts')
  return (await confirm({ message: question, initialValue: false, output: process.stderr })) === true
}
