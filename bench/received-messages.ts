// `StreamingPullResponse` as bytes: a run of its field 1, one a message, so that any part of a run of messages is a
// response. https://protobuf.dev/programming-guides/encoding/
import { fieldSize, varintSize } from '#emulator/wire/pull-response.ts'

/** Consecutive messages, encoded: message `from + n` begins at `offsets[n]`; the last offset is the end. */
export interface EncodedRun {
  readonly from: number
  readonly bytes: Buffer
  readonly offsets: Uint32Array
}

/** Tags: field number << 3 | wire type (0 varint, 2 length-delimited). */
const receivedMessages = (1 << 3) | 2
const ackIdField = (1 << 3) | 2
const messageField = (2 << 3) | 2
const dataField = (1 << 3) | 2
const messageIdField = (3 << 3) | 2
const publishTimeField = (4 << 3) | 2
const secondsField = 1 << 3

/** All fields around the data, at most. */
const mostAround = 100

/** Messages `from` to `to` − 1; their numbers are their ack ids and message ids. */
export function encodeRun(
  from: number,
  to: number,
  dataOf: (i: number) => Buffer,
  publishSeconds: number,
): EncodedRun {
  const data = Array.from({ length: to - from }, (_, n) => dataOf(from + n))
  const writer = new ByteWriter(data.reduce((sum, one) => sum + one.length + mostAround, 0))
  const offsets = new Uint32Array(data.length + 1)
  for (const [n, one] of data.entries()) {
    offsets[n] = writer.length
    writer.message(String(from + n), one, publishSeconds)
  }
  offsets[data.length] = writer.length
  return { from, bytes: writer.written(), offsets }
}

/** The response with messages `from` to `to` − 1 of a run. */
export function responseOf(run: EncodedRun, from: number, to: number): Buffer {
  return run.bytes.subarray(run.offsets[from - run.from], run.offsets[to - run.from])
}

class ByteWriter {
  readonly #bytes: Buffer
  #at = 0

  constructor(most: number) {
    this.#bytes = Buffer.allocUnsafeSlow(most)
  }

  get length(): number {
    return this.#at
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  message(id: string, data: Buffer, publishSeconds: number): void {
    const timeSize = 1 + varintSize(publishSeconds)
    const messageSize = fieldSize(data.length) + fieldSize(id.length) + fieldSize(timeSize)
    this.#head(receivedMessages, fieldSize(id.length) + fieldSize(messageSize))
    this.#text(ackIdField, id)
    this.#head(messageField, messageSize)
    this.#head(dataField, data.length)
    this.#at += data.copy(this.#bytes, this.#at)
    this.#text(messageIdField, id)
    this.#head(publishTimeField, timeSize)
    this.#head(secondsField, publishSeconds)
  }

  /** A tag, and the number after it. */
  #head(tag: number, number: number): void {
    this.#bytes[this.#at++] = tag
    let rest = number
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80
    this.#bytes[this.#at++] = rest
  }

  #text(tag: number, text: string): void {
    this.#head(tag, text.length)
    this.#at += this.#bytes.write(text, this.#at, 'latin1')
  }
}
