/** Makes lines fit a terminal. They may be styled: escapes take no room, and all of them stay. */

export interface Line {
  readonly text: string
  /** Where there is not room for all, lines of the greatest number go first, the last of them before others; 0 stays. */
  readonly rank: number
}

/** At most `rows` rows; if even those of rank 0 are more, the first of them. */
export function fitRows(lines: readonly Line[], rows: number): Line[] {
  const left = [...lines]
  while (left.length > rows) {
    const rank = Math.max(...left.map((line) => line.rank))
    if (rank === 0) return left.slice(0, Math.max(rows, 1))
    left.splice(
      left.findLastIndex((line) => line.rank === rank),
      1,
    )
  }
  return left
}

/** Cut at the terminal's edge, where it would wrap into another row. */
export function cutTo(columns: number, text: string): string {
  if (widthOf(text) <= columns) return text
  let room = columns - 1
  let kept = ''
  for (const piece of piecesOf(text)) {
    const width = widthOf(piece)
    if (width > 0 && room >= 0 && width > room) {
      kept += '…'
      room = -1
    } else if (width === 0 || room >= 0) {
      kept += piece
      room -= width
    }
  }
  return kept
}

/** Rows that lines take where the terminal breaks those that are too long for it. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0)
}

/** Broken between words, those that follow indented; a word that is too long is cut. */
export function wrapTo(columns: number, text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line.trim() === '' || widthOf(longer) <= columns) {
      line = longer
    } else {
      lines.push(line)
      line = `  ${word}`
    }
  }
  return [...lines, line].map((one) => cutTo(columns, one))
}

// oxlint-disable-next-line no-control-regex -- the escapes of styles are what is looked for
const pieces = /\u001b\[[\d;]*m|./gsu
const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]/u

function piecesOf(text: string): string[] {
  return text.match(pieces) ?? []
}

/** Columns that it takes. */
function widthOf(text: string): number {
  let width = 0
  for (const piece of piecesOf(text)) {
    if (!piece.startsWith('\u001b')) width += wide.test(piece) ? 2 : 1
  }
  return width
}
