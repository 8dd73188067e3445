// Draws docs/demo.svg, the still in README: runs the real demo on a terminal for some seconds, and renders what stands
// there. `node tools/demo-picture.ts`; needs `script` (util-linux).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IBuffer, IBufferCell } from '@xterm/headless'
import xterm from '@xterm/headless'

const root = join(import.meta.dirname, '..')
const size = { cols: 100, rows: 33 }
const stillAfterMs = 15_000
const cell = { width: 8.4, height: 18 }
const margin = 20
const paper = '#0d1117'
const ink = '#e6edf3'
/** The sixteen colours of a terminal, as GitHub's dark theme has them. */
const palette =
  '#484f58 #ff7b72 #3fb950 #d29922 #58a6ff #bc8cff #39c5cf #b1bac4 #6e7681 #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #ffffff'.split(
    ' ',
  )

writeFileSync(join(root, 'docs/demo.svg'), await still())

/** @returns SVG of the terminal in the middle of the demo's work */
async function still(): Promise<string> {
  const terminal = new xterm.Terminal({ ...size, allowProposedApi: true })
  const demo = 'exec bin/ingester demo --rate 2000 --duplicates 20 --late 30 --poison 2'
  const child = spawn('script', ['-qec', `stty cols ${size.cols} rows ${size.rows}; ${demo}`, '/dev/null'], {
    cwd: root,
    env: { ...process.env, TERM: 'xterm-256color' },
  })
  const ended = once(child, 'close')
  child.stdout.on('data', (bytes: Buffer) => terminal.write(bytes))
  await sleep(stillAfterMs)
  const svg = svgOf(terminal.buffer.active)
  if (!svg.includes('publishing'))
    throw new Error('the demo publishes nothing; run `bin/ingester demo` to see why')
  // Ctrl-C, which the terminal passes on.
  child.stdin.write('\u0003')
  await ended
  terminal.dispose()
  return svg
}

function svgOf(buffer: IBuffer): string {
  const rows = Array.from({ length: size.rows }, (_, row) => runsOf(buffer, buffer.viewportY + row))
  const last = rows.findLastIndex((runs) => runs.length > 0)
  const width = Math.ceil(size.cols * cell.width + 2 * margin)
  const height = (last + 1) * cell.height + 2 * margin
  const texts = rows.flatMap((runs, row) => runs.map((run) => textOf(run, row)))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">A terminal that runs the demo: the addresses, the messages published, received and settled, and the newest rows</title>
<rect width="100%" height="100%" rx="8" fill="${paper}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${ink}">
${texts.join('\n')}
</g>
</svg>
`
}

/** Neighbouring cells of one look. */
interface Run {
  readonly column: number
  text: string
  readonly look: string
}

/** Of one row, without the blanks between and behind. */
function runsOf(buffer: IBuffer, row: number): Run[] {
  const line = buffer.getLine(row)
  const runs: Run[] = []
  for (let column = 0; column < size.cols; column++) {
    const at = line?.getCell(column)
    if (!at || at.getWidth() === 0) continue
    const look = lookOf(at)
    const run = runs.at(-1)
    if (run?.look === look) run.text += at.getChars() || ' '
    else runs.push({ column, text: at.getChars() || ' ', look })
  }
  return runs.map((run) => ({ ...run, text: run.text.trimEnd() })).filter(({ text }) => text !== '')
}

/** As attributes of SVG. */
function lookOf(at: IBufferCell): string {
  const colour = at.isFgPalette() ? ` fill="${palette[at.getFgColor()] ?? ink}"` : ''
  return `${colour}${at.isBold() ? ' font-weight="bold"' : ''}${at.isDim() ? ' opacity="0.65"' : ''}`
}

function textOf({ column, text, look }: Run, row: number): string {
  const blanks = text.length - text.trimStart().length
  const x = margin + (column + blanks) * cell.width
  const y = margin + row * cell.height + 14
  const shown = text.trimStart()
  // No-break spaces: a run of others shrinks to one, and Chromium does not inherit `xml:space` (its text was stretched).
  const escaped = shown.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(' ', '\u00a0')
  // The width is that of a terminal, whatever font a reader's machine has.
  const length = (shown.length * cell.width).toFixed(1)
  return `<text x="${x.toFixed(1)}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${look}>${escaped}</text>`
}
