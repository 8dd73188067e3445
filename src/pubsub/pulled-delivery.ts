import type { Delivery } from '#core/delivery.ts'
import type { Acknowledgeable } from './ack-ids.ts'
import { WireReader } from './wire-reader.ts'

/** Tags of the fields that are read: field number << 3 | wire type (0 varint, 2 length-delimited). */
const received = { ackId: (1 << 3) | 2, message: (2 << 3) | 2, deliveryAttempt: 3 << 3 }
const message = {
  data: (1 << 3) | 2,
  attribute: (2 << 3) | 2,
  messageId: (3 << 3) | 2,
  publishTime: (4 << 3) | 2,
  orderingKey: (5 << 3) | 2,
}
const attribute = { name: (1 << 3) | 2, value: (2 << 3) | 2 }
const timestamp = { seconds: 1 << 3, nanos: 2 << 3 }

/**
 * What a byte of data costs while its message is held: the response's bytes stay, and what is decoded of them stands
 * beside them, in two bytes a character as soon as one character of a text is not Latin-1. (So 9 MB of mostly plain text
 * take 27 MB, and 11 of them, which a bound of 100 MiB let in while it counted bytes of data, ended a heap of 256 MB.)
 */
export const heldPerByte = 3

/** The fields around a message's data and attributes, roughly. */
const messageOverheadBytes = 200
const noAttributes: Delivery['attributes'] = Object.freeze({})

/** A delivery that can be settled. */
export interface PulledDelivery extends Delivery, Acknowledgeable {
  readonly ackId: string
  /** Its lease, while that is kept; noted by `Leases`. */
  lease?: Lease | undefined
  /** Copies its bytes out of the response that it came in, so that they do not keep all of that. */
  separate(): void
}

/** The lease of a delivery; deliveries that came together have one until it is extended. */
export interface Lease {
  /** By the monotonic clock; infinity where it was lost, so that it is not extended. */
  readonly endsAtMs: number
  readonly response: LeasedResponse
}

/** Deliveries that came together, as long as the lease of one of them is kept. */
export interface LeasedResponse {
  deliveries: readonly PulledDelivery[]
  /** How many of them have a lease. */
  held: number
}

/** Where a response came from, and when. */
export interface Reception {
  /** Full name. */
  readonly subscription: string
  readonly atMs: number
}

/** What all deliveries of a response have in common. */
export interface Received {
  readonly bytes: Buffer
  readonly reception: Reception
}

/** Of 130 bytes; a field for each part of the message, and for what the response knows, would make it 190. */
export class DeliveryInResponse implements PulledDelivery {
  receipt: Delivery['receipt'] = undefined
  lease: PulledDelivery['lease'] = undefined
  bytes = messageOverheadBytes
  #response: Received
  /** Where the content of its `ReceivedMessage` begins and ends. */
  #at: number
  #end: number
  #ackIdAt: number
  #ackIdEnd: number
  #dataAt: number
  #dataEnd: number
  // Of the time of publishing. Together in ms they are no small integer, which V8 keeps in an object of its own.
  #seconds = 0
  #nanos = 0

  /** Reads the `ReceivedMessage` that begins where the reader is. */
  constructor(reader: WireReader, response: Received) {
    this.#response = response
    this.#end = reader.endOfField()
    this.#at = reader.at
    this.#ackIdAt = this.#ackIdEnd = this.#dataAt = this.#dataEnd = reader.at
    while (reader.at < this.#end) {
      const tag = reader.varint()
      if (tag === received.ackId) {
        this.#ackIdEnd = reader.endOfField()
        this.#ackIdAt = reader.at
        reader.at = this.#ackIdEnd
      } else if (tag === received.message) this.#readMessage(reader)
      else reader.skip(tag)
    }
    reader.mustBeAt(this.#end)
    this.bytes += heldPerByte * (this.#dataEnd - this.#dataAt)
  }

  separate(): void {
    const { bytes, reception } = this.#response
    const offset = this.#at
    this.#response = { bytes: Buffer.from(bytes.subarray(offset, this.#end)), reception }
    this.#at = 0
    this.#end -= offset
    this.#ackIdAt -= offset
    this.#ackIdEnd -= offset
    this.#dataAt -= offset
    this.#dataEnd -= offset
  }

  get subscription(): string {
    return this.#response.reception.subscription
  }

  get receivedAtMs(): number {
    return this.#response.reception.atMs
  }

  get publishTimeMs(): number {
    return this.#seconds * 1000 + Math.floor(this.#nanos / 1e6)
  }

  get ackId(): string {
    return this.#response.bytes.toString('utf8', this.#ackIdAt, this.#ackIdEnd)
  }

  get ackIdBytes(): number {
    return this.#ackIdEnd - this.#ackIdAt
  }

  copyAckId(target: Buffer, at: number): void {
    this.#response.bytes.copy(target, at, this.#ackIdAt, this.#ackIdEnd)
  }

  get data(): Buffer {
    return this.#response.bytes.subarray(this.#dataAt, this.#dataEnd)
  }

  readData<T>(maxBytes: number, read: (bytes: Buffer, from: number, to: number) => T): T | undefined {
    if (this.#dataEnd - this.#dataAt > maxBytes) return undefined
    return read(this.#response.bytes, this.#dataAt, this.#dataEnd)
  }

  get deliveryAttempt(): number {
    let attempt = 0
    this.#eachField(received.deliveryAttempt, (reader) => {
      attempt = reader.varint()
    })
    return attempt
  }

  get messageId(): string {
    return this.#textOf(message.messageId)
  }

  get orderingKey(): string {
    return this.#textOf(message.orderingKey)
  }

  get attributes(): Delivery['attributes'] {
    if (!this.#hasAttributes) return noAttributes
    // An attribute of any name must be an own property.
    const attributes: [string, string][] = []
    this.#eachOfMessage(message.attribute, (reader) => attributes.push(readAttribute(reader)))
    return Object.fromEntries(attributes)
  }

  /** Each attribute counts, and nothing else does. */
  get #hasAttributes(): boolean {
    return this.bytes > messageOverheadBytes + heldPerByte * (this.#dataEnd - this.#dataAt)
  }

  #readMessage(reader: WireReader): void {
    const end = reader.endOfField()
    while (reader.at < end) {
      const tag = reader.varint()
      if (tag === message.data) {
        this.#dataEnd = reader.endOfField()
        this.#dataAt = reader.at
        reader.at = this.#dataEnd
      } else if (tag === message.publishTime) this.#readPublishTime(reader)
      else if (tag === message.attribute) {
        const before = reader.at
        readAttribute(reader)
        this.bytes += reader.at - before
      } else reader.skip(tag)
    }
    reader.mustBeAt(end)
  }

  #readPublishTime(reader: WireReader): void {
    const end = reader.endOfField()
    while (reader.at < end) {
      const tag = reader.varint()
      if (tag === timestamp.seconds) this.#seconds = reader.varint()
      else if (tag === timestamp.nanos) this.#nanos = reader.varint()
      else reader.skip(tag)
    }
    reader.mustBeAt(end)
  }

  #textOf(tag: number): string {
    let text = ''
    this.#eachOfMessage(tag, (reader) => {
      text = reader.text()
    })
    return text
  }

  #eachOfMessage(wanted: number, read: (reader: WireReader) => void): void {
    this.#eachField(received.message, (reader) => eachField(reader, reader.endOfField(), wanted, read))
  }

  #eachField(wanted: number, read: (reader: WireReader) => void): void {
    eachField(new WireReader(this.#response.bytes, this.#at), this.#end, wanted, read)
  }
}

/** Calls `read` at each field with this tag, from where the reader is. */
function eachField(
  reader: WireReader,
  end: number,
  wanted: number,
  read: (reader: WireReader) => void,
): void {
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === wanted) read(reader)
    else reader.skip(tag)
  }
}

function readAttribute(reader: WireReader): [name: string, value: string] {
  const end = reader.endOfField()
  let name = ''
  let value = ''
  while (reader.at < end) {
    const tag = reader.varint()
    if (tag === attribute.name) name = reader.text()
    else if (tag === attribute.value) value = reader.text()
    else reader.skip(tag)
  }
  reader.mustBeAt(end)
  return [name, value]
}
