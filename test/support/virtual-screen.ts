import { EventEmitter } from 'node:events'

/** What a terminal does with lines that are longer than its new size: it breaks them anew, or cuts them. */
type AtResize = 'reflows' | 'cuts'

// oxlint-disable-next-line no-control-regex -- escapes are what a terminal obeys
const tokens = /\u001b\[([?\d;]*)([A-Za-z])|\r|\n|[^\u001b\r\n]/gu

/** A terminal without a screen: it obeys what the project writes, and fails at anything else. */
export class VirtualScreen extends EventEmitter {
  readonly isTTY = true
  columns: number
  rows: number
  /** Logical lines: each is one row, or continues in the next one. */
  #lines: string[] = ['']
  /** Which rows go on in the next one. */
  #joined = new Set<number>()
  #row = 0
  #column = 0
  /** The first visible row. */
  #top = 0
  readonly #atResize: AtResize
  #written = ''

  constructor(columns: number, rows: number, atResize: AtResize = 'reflows') {
    super()
    this.columns = columns
    this.rows = rows
    this.#atResize = atResize
  }

  /** As a stream's. */
  write(text: string): boolean {
    this.#written += text
    for (const [token, parameters = '', final] of text.matchAll(tokens)) {
      if (final !== undefined) this.#obey(parameters, final)
      else if (token === '\r') this.#column = 0
      else if (token === '\n') this.#newLine()
      else this.#put(token)
    }
    return true
  }

  /** Everything that was written to it. */
  get written(): string {
    return this.#written
  }

  /** The visible rows, without empty ones at the end. */
  get visible(): string[] {
    const rows = Array.from({ length: this.rows }, (_, at) => (this.#lines[this.#top + at] ?? '').trimEnd())
    return rows.slice(0, rows.findLastIndex((row) => row !== '') + 1)
  }

  /** As the window's edge that is dragged: what is there moves, then the program hears of it. */
  resize(columns: number, rows = this.rows): void {
    if (this.#atResize === 'reflows') this.#reflow(columns)
    else this.#lines = this.#lines.map((line) => line.slice(0, columns))
    this.columns = columns
    this.rows = rows
    this.#top = Math.max(0, this.#row - rows + 1, this.#lines.length - rows)
    this.emit('resize')
  }

  #reflow(columns: number): void {
    const whole: string[] = []
    for (const [at, line] of this.#lines.entries()) {
      if (this.#joined.has(at - 1)) whole[whole.length - 1] += line
      else whole.push(line)
    }
    this.#lines = []
    this.#joined.clear()
    for (const line of whole) {
      for (let from = 0; from === 0 || from < line.length; from += columns) {
        if (from > 0) this.#joined.add(this.#lines.length - 1)
        this.#lines.push(line.slice(from, from + columns))
      }
    }
    this.#row = this.#lines.length - 1
  }

  #put(character: string): void {
    if (this.#column === this.columns) {
      this.#joined.add(this.#row)
      this.#newLine()
      this.#column = 0
    }
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column)
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1)
    this.#column += 1
  }

  /** As the terminal's driver makes of it: to the beginning of the next row. */
  #newLine(): void {
    this.#column = 0
    this.#row += 1
    this.#lines[this.#row] ??= ''
    this.#top = Math.max(this.#top, this.#row - this.rows + 1)
  }

  #obey(parameters: string, final: string): void {
    const count = Number(parameters || 1)
    if (parameters === '?2026' && 'hl'.includes(final)) return
    else if (final === 'm') return
    else if (final === 'A') this.#row = Math.max(this.#top, this.#row - count)
    else if (final === 'B') this.#row = Math.min(this.#top + this.rows - 1, this.#row + count)
    else if (final === 'H' && parameters === '') [this.#row, this.#column] = [this.#top, 0]
    else if (final === 'K' && parameters === '2') this.#erase(this.#row)
    else if (final === 'J' && parameters === '' && this.#column === 0) this.#eraseBelow()
    else throw new Error(`an escape that this terminal does not know: ${parameters}${final}`)
  }

  #eraseBelow(): void {
    for (let row = this.#row; row < this.#lines.length; row++) this.#erase(row)
  }

  #erase(row: number): void {
    this.#lines[row] = ''
    this.#joined.delete(row)
    this.#joined.delete(row - 1)
  }
}
