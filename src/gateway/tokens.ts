import { hash, timingSafeEqual } from 'node:crypto'
import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'

/** How often the text is read again, which may be a file: a revoked token is accepted for no longer than this. */
const rereadMs = 1000

/** Bearer tokens, one a line; empty lines are none. */
export class Tokens {
  readonly #text: () => string
  readonly #clock: Clock
  readonly #logger: Logger
  #read: string
  #hashes: readonly Buffer[]
  #readAtMs: number
  #fault: string | undefined

  /** @throws what the function throws */
  constructor(text: () => string, clock: Clock, logger: Logger) {
    this.#text = text
    this.#clock = clock
    this.#logger = logger
    this.#read = text()
    this.#hashes = hashesIn(this.#read)
    this.#readAtMs = clock.now()
  }

  /**
   * SHA-256 of the token that an `Authorization` header bears, in hexadecimal digits; undefined where it bears none that is
   * known. Takes the same time whichever it is: hashes are compared, all of them.
   */
  principalOf(authorization: string | undefined): string | undefined {
    const token = authorization === undefined ? undefined : /^Bearer +([^ ]+) *$/i.exec(authorization)?.[1]
    if (token === undefined) return undefined
    const given = hashOf(token)
    let isKnown = false
    for (const one of this.#current()) isKnown = timingSafeEqual(one, given) || isKnown
    return isKnown ? given.toString('hex') : undefined
  }

  #current(): readonly Buffer[] {
    const now = this.#clock.now()
    if (now - this.#readAtMs < rereadMs) return this.#hashes
    this.#readAtMs = now
    try {
      const text = this.#text()
      if (text !== this.#read) this.#hashes = hashesIn(text)
      this.#read = text
      this.#fault = undefined
    } catch (error) {
      // For example while the file is being replaced. The last ones that were read count.
      const fault = messageOf(error)
      if (fault !== this.#fault)
        this.#logger.warn({ error: fault }, 'cannot reread the bearer tokens; the last ones stay valid')
      this.#fault = fault
    }
    return this.#hashes
  }
}

function hashesIn(text: string): Buffer[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').map(hashOf)
}

const hashOf = (token: string) => hash('sha256', token, 'buffer')
