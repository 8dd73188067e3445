import { writeIncrement } from '#systems/increments/message.ts'

// How a sum tells which requests are in it: the requests of a key have the values 16^0, 16^1, …, 16^14, so each has a
// hexadecimal digit of the sum of its own, and the digit is how often it counted. Sums that differ by any request differ.
// (16 times the same one would look like the next one once. What counts a request twice has many to do it with.)
const base = 16n
export const digitsPerKey = 15

/** What a request adds whose digit it is. */
export function valueOf(digit: number): bigint {
  return base ** BigInt(digit)
}

/** How often each request of a key is in its sum, by digit. The last one is what none of them can have added. */
export function timesCounted(sum: bigint): number[] {
  const digits: number[] = []
  for (let rest = sum, at = 0; at <= digitsPerKey; at++, rest /= base)
    digits.push(Number(at < digitsPerKey ? rest % base : rest))
  return digits
}

/** A request that is to be made, as often as it takes. */
export interface PlannedRequest {
  readonly key: string
  /** Its digit in the sum of its key, from 0. No other request of the key has it. */
  readonly digit: number
  readonly body: string
  readonly idempotencyKey: string | undefined
  /** It is to be refused, and must not count although it has a key and a value. */
  readonly isMalformed: boolean
}

/** Shares of the requests, in percent. */
export interface RequestMixture {
  /** Have an Idempotency-Key, and are repeated until they are confirmed. */
  readonly keyed: number
  /** Are no increments. */
  readonly malformed: number
}

/** At once: large enough that a key is in several batches, small enough that several of its requests meet in one. */
const openKeys = 64

/** Requests for keys that are replaced when each of their digits is taken. */
export class PlannedRequests {
  readonly #random: () => number
  readonly #mixture: RequestMixture
  readonly #open: { key: string; next: number }[] = []
  #malformed = 0

  /** @param random from 0, less than 1 */
  constructor(random: () => number, mixture: RequestMixture) {
    this.#random = random
    this.#mixture = mixture
  }

  next(): PlannedRequest {
    const at = Math.floor(this.#random() * openKeys)
    const known = this.#open[at]
    const of = known && known.next < digitsPerKey ? known : { key: this.#newKey(), next: 0 }
    this.#open[at] = of
    const { key, next: digit } = of
    of.next += 1
    const value = valueOf(digit)
    const isMalformed = this.#random() * 100 < this.#mixture.malformed
    return {
      key,
      digit,
      body: isMalformed ? this.#malform(key, value) : writeIncrement({ key, value }).toString(),
      idempotencyKey: this.#random() * 100 < this.#mixture.keyed ? `${key}/${digit}` : undefined,
      isMalformed,
    }
  }

  /** Each kind in turn. */
  #malform(key: string, value: bigint): string {
    const kinds = [
      `{"key":"${key}","value":"${value}"}`,
      `{"key":"${key}","value":${value}.0}`,
      `{"key":"${key}","value":-${value}}`,
      `{"key":"${key}","value":${value},"value":${value}}`,
      `{"key":"${key}","value":${value},"note":1}`,
      `{"key":"{${key}}","value":${value}}`,
      `[{"key":"${key}","value":${value}}]`,
      `{"key":"${key}","value":${value}`,
    ]
    const kind = kinds[this.#malformed % kinds.length] as string
    this.#malformed += 1
    return kind
  }

  #newKey(): string {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.#random() * 16).toString(16)).join('')
    // Version 4, variant 10.
    return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-a$4-$5')
  }
}
