import { WireReader } from './wire-reader.ts'

/** What has an ack id. */
export interface Acknowledgeable {
  /** Length of its id in bytes. */
  readonly ackIdBytes: number
  /** Writes the id's bytes into `target`, from `at` on. */
  copyAckId(target: Buffer, at: number): void
}

/** Tags of an AcknowledgeRequest: field number << 3 | 2 (length-delimited). */
const subscriptionTag = (1 << 3) | 2
const ackIdTag = (2 << 3) | 2

/**
 * Ids for one request, as the fields of a `google.pubsub.v1.AcknowledgeRequest`: their bytes come straight from those of
 * the responses, which need not be kept for it. Ids of the service have 180 bytes; as texts that are joined they left 450
 * bytes of garbage each, and took seven times as long.
 */
export class AckIds {
  readonly fields: Buffer
  readonly count: number

  private constructor(fields: Buffer, count: number) {
    this.fields = fields
    this.count = count
  }

  static of(ones: readonly Acknowledgeable[]): AckIds {
    let size = 0
    for (const { ackIdBytes } of ones) size += sizeOfField(ackIdBytes)
    const fields = Buffer.allocUnsafe(size)
    let at = 0
    for (const one of ones) {
      at = writeHead(fields, at, ackIdTag, one.ackIdBytes)
      one.copyAckId(fields, at)
      at += one.ackIdBytes
    }
    return new AckIds(fields, ones.length)
  }

  static ofTexts(ackIds: readonly string[]): AckIds {
    return AckIds.of(ackIds.map((ackId) => new AckIdText(ackId)))
  }

  texts(): string[] {
    const ackIds: string[] = []
    const reader = new WireReader(this.fields)
    while (reader.at < this.fields.length) {
      reader.varint()
      ackIds.push(reader.text())
    }
    return ackIds
  }
}

class AckIdText implements Acknowledgeable {
  readonly #bytes: Buffer

  constructor(ackId: string) {
    this.#bytes = Buffer.from(ackId)
  }

  get ackIdBytes(): number {
    return this.#bytes.length
  }

  copyAckId(target: Buffer, at: number): void {
    this.#bytes.copy(target, at)
  }
}

/** A `google.pubsub.v1.AcknowledgeRequest`, for the generated client and for the codec that takes its place. */
export class AckRequest {
  readonly subscription: string
  readonly #ids: AckIds

  constructor(subscription: string, ids: AckIds) {
    this.subscription = subscription
    this.#ids = ids
  }

  get ackIds(): string[] {
    return this.#ids.texts()
  }

  toBytes(): Buffer {
    const subscription = Buffer.from(this.subscription)
    const { fields } = this.#ids
    const bytes = Buffer.allocUnsafe(sizeOfField(subscription.length) + fields.length)
    let at = writeHead(bytes, 0, subscriptionTag, subscription.length)
    at += subscription.copy(bytes, at)
    fields.copy(bytes, at)
    return bytes
  }
}

/** With a value of so many bytes. */
function sizeOfField(length: number): number {
  let size = 2 + length
  for (let left = length; left >= 0x80; left >>>= 7) size += 1
  return size
}

/** Writes a field's tag and length; returns where its value begins. */
function writeHead(bytes: Buffer, from: number, tag: number, length: number): number {
  let at = from
  bytes[at++] = tag
  let left = length
  for (; left >= 0x80; left >>>= 7) bytes[at++] = (left & 0x7f) | 0x80
  bytes[at++] = left
  return at
}
