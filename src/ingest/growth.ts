import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'

/** What a record takes beside the bytes of its texts: itself, its row, its arrival, its part of a message. */
const recordBytes = 400

/**
 * What open deliveries take in memory beyond what their source counts for them: a message that is compressed, or has many
 * records, is larger once it is decoded. (16 messages of 1.1 MB with 430,000 records each had taken 4 GB.)
 */
export class Growth {
  readonly #maxBytes: number
  readonly #grown = new Map<Delivery, number>()
  #bytes = 0

  /** @param maxBytes of all: no more deliveries are decoded beyond it, but for one that exceeds it alone */
  constructor(maxBytes = Infinity) {
    this.#maxBytes = maxBytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes
  }

  /** Of a message that is one record; most take less than what is counted. */
  one(delivery: Delivery, { bytes }: Pick<KeyedRecord, 'bytes'>): void {
    if (bytes > delivery.bytes) this.#add(delivery, bytes)
  }

  several(delivery: Delivery, records: readonly Pick<KeyedRecord, 'bytes'>[]): void {
    const bytes = records.reduce((sum, record) => sum + record.bytes, 0) + records.length * recordBytes
    if (bytes > delivery.bytes) this.#add(delivery, bytes)
  }

  /** The delivery is settled. True where that made room. */
  end(delivery: Delivery): boolean {
    const grown = this.#grown.get(delivery)
    if (grown === undefined) return false
    this.#grown.delete(delivery)
    this.#bytes -= grown
    return !this.isFull
  }

  #add(delivery: Delivery, bytes: number): void {
    const grown = bytes - delivery.bytes
    this.#grown.set(delivery, grown)
    this.#bytes += grown
  }
}
