/** A line of the input that is not blank, without its end. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly bytes: Buffer
}

const newline = 0x0a
const byteOrderMark = Buffer.from('\u{feff}')

/** Its lines as bytes: as text a number or a character that is no UTF-8 would not be what the message has. */
export async function* linesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Line> {
  let number = 0
  let pending: Buffer[] = []
  for await (const chunk of input) {
    let rest = Buffer.from(chunk as Uint8Array)
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      const line = lineOf(++number, [...pending, rest.subarray(0, end)])
      if (line) yield line
      pending = []
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) pending.push(rest)
  }
  const last = lineOf(number + 1, pending)
  if (last) yield last
}

function lineOf(number: number, parts: readonly Buffer[]): Line | undefined {
  const whole = Buffer.concat(parts)
  const start = number === 1 && whole.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? 3 : 0
  const end = whole.at(-1) === 0x0d ? whole.length - 1 : whole.length
  const bytes = whole.subarray(start, end)
  return bytes.every((byte) => byte === 0x20 || byte === 0x09) ? undefined : { number, bytes }
}
