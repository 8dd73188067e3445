import { processEnvironment } from '#config/environment.ts'
import { cutTo, rowsOf } from './fit.ts'

/** Of a terminal. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

/** What is drawn again and again, as it fits. */
export type View = (size: Size) => string

const escape = '\u001b['
const home = `${escape}H`
const eraseLine = `${escape}2K`
const eraseBelow = `${escape}J`
const up = (rows: number) => (rows === 0 ? '\r' : `\r${escape}${rows}A`)
/** A terminal that knows this shows a frame only when it is whole; others pass it over. */
const frame = (text: string) => `${escape}?2026h${text}${escape}?2026l`

/** What was said longer ago than this has scrolled away. */
const rememberedLines = 200
/** Fewer rows for the view are of no use: then what is kept in sight has to go. */
const leastRows = 6

/** TERM. */
export function terminalType(): string | undefined {
  return processEnvironment()['TERM']
}

/** Whether a terminal of that type can move its cursor. */
export function canMove(stream: { readonly isTTY?: boolean }, terminalType: string | undefined): boolean {
  return stream.isTTY === true && !['', 'dumb', 'unknown'].includes(terminalType ?? '')
}

/**
 * A terminal with lines that are printed once, and below them a view that is redrawn.
 *
 * When the terminal's size changes, or when the process continues after Ctrl-Z, the view's position is unknown: some
 * terminals rewrap lines, some cut them, and a shell has written below. So everything is erased then, line by line, since
 * some terminals keep a copy of a screen that is erased as a whole; and the latest lines are printed once more.
 *
 * The cursor is never hidden: it would stay so after a kill -9.
 */
export class Screen implements Disposable {
  readonly #stream: NodeJS.WriteStream
  readonly #said: string[] = []
  /** Lines that stay visible above the view. */
  #kept: readonly string[] = []
  #view: View | undefined
  #drawnRows = 0
  readonly #redraw = () => this.#fromScratch()

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  /** A terminal that does not know its size, as that of `script` without one around it, reports 0. */
  get size(): Size {
    return { columns: this.#stream.columns || 80, rows: this.#stream.rows || 24 }
  }

  say(lines: string): void {
    this.#said.push(...lines.split('\n'))
    this.#said.splice(0, this.#said.length - rememberedLines)
    const above = `${this.#erased()}${lines}\n`
    this.#stream.write(this.#view ? frame(`${above}${this.#viewed()}`) : above)
  }

  /** Prints lines that stay visible while the terminal has room for them and the view. */
  keep(lines: string): void {
    this.#kept = lines.split('\n')
    this.say(lines)
  }

  draw(view: View): void {
    if (!this.#view) {
      this.#stream.on('resize', this.#redraw)
      process.on('SIGCONT', this.#redraw)
    }
    this.#view = view
    this.#stream.write(frame(`${this.#erased()}${this.#viewed()}`))
  }

  /** Takes the view away; what was said stays. */
  [Symbol.dispose](): void {
    if (!this.#view) return
    this.#stream.off('resize', this.#redraw)
    process.off('SIGCONT', this.#redraw)
    this.#stream.write(this.#erased())
    this.#view = undefined
  }

  #erased(): string {
    const rows = this.#drawnRows
    this.#drawnRows = 0
    return rows === 0 ? '' : `${up(rows)}${eraseBelow}`
  }

  /** The view, and the cursor in the row below it. */
  #viewed(): string {
    const { columns, rows } = this.size
    const left = rows - rowsOf(this.#kept, columns)
    const room = left - 1 < leastRows ? rows : left
    const lines = (this.#view?.({ columns, rows: room }) ?? '').split('\n').slice(0, Math.max(1, rows - 1))
    this.#drawnRows = lines.length
    return lines.map((line) => `${cutTo(columns, line)}\n`).join('')
  }

  #fromScratch(): void {
    const { columns, rows } = this.size
    const view = this.#viewed()
    const above: string[] = []
    let free = rows - 1 - this.#drawnRows
    for (const line of this.#said.toReversed()) {
      free -= rowsOf([line], columns)
      if (free < 0) break
      above.unshift(`${line}\n`)
    }
    const erased = `${home}${Array.from({ length: rows }, () => eraseLine).join(`${escape}B`)}${home}`
    this.#stream.write(frame(`${erased}${above.join('')}${view}`))
  }
}
