/**
 * Walks through bytes in the wire format of protocol buffers. The caller knows which fields there are, and skips
 * those that it does not know. https://protobuf.dev/programming-guides/encoding/
 */
export class WireReader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  /** Exact up to 2^53. */
  varint(): number {
    const byte = this.bytes[this.at] as number
    if (!(byte < 0x80)) return this.#longVarint()
    this.at += 1
    return byte
  }

  /** Goes past the length of an embedded field, and says where the field ends. */
  endOfField(): number {
    const length = this.varint()
    return this.#within(this.at + length)
  }

  /** The text of a field that begins with its length. */
  text(): string {
    const end = this.endOfField()
    const text = this.bytes.toString('utf8', this.at, end)
    this.at = end
    return text
  }

  /** Goes past a field that is not wanted. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.varint()
        return
      case 1:
        this.at = this.#within(this.at + 8)
        return
      case 2:
        this.at = this.endOfField()
        return
      case 5:
        this.at = this.#within(this.at + 4)
        return
      default:
        throw new RangeError(`there is no wire type ${tag & 7}`)
    }
  }

  /** Call it where a field should end: its content must not extend beyond it. */
  mustBeAt(end: number): void {
    if (this.at !== end) throw new RangeError('a field goes on beyond the one that it is in')
  }

  #longVarint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.bytes[this.#within(this.at + 1) - 1] as number
      this.at += 1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new RangeError('a number of more than ten bytes')
  }

  #within(at: number): number {
    if (at > this.bytes.length) throw new RangeError('the bytes end in the middle of a field')
    return at
  }
}
