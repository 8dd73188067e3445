import { identityAttributes, repeatedBy } from '#core/identity.ts'
import { withRequestIdentity } from '#gateway/request-identity.ts'

/** Under which identity a message is published; absent: its own. */
export type PlannedIdentity =
  /** Of a request with an `Idempotency-Key`, by its number. */
  | { readonly request: number }
  /** That its publisher has given it, so old already when it is published first. */
  | { readonly given: number; readonly ageMs: number }
  /** One that cannot be read. */
  | { readonly bad: string }

/** What a message is published with. */
export interface PublishedAs {
  readonly attributes: Readonly<Record<string, string>>
  /** For the oracle: undefined where it is the message's own. */
  readonly identity?: string
  /** By which it is too old some day, in Unix ms; undefined: when it is published. */
  readonly publishedMs?: number
  readonly isUnreadable?: boolean
}

/** As `INGESTER_IDEMPOTENCY_WINDOW`. */
export const windowMs = 86_400_000

/** Who publishes: with what, and for how long they try again. */
export class Publishers {
  readonly #firstMs = new Map<string, number>()

  /** Undefined where they have given up: a request is not repeated after its window. */
  publish(as: PlannedIdentity | undefined, nowMs: number): PublishedAs | undefined {
    if (!as) return { attributes: {} }
    if ('bad' in as) return { attributes: { [identityAttributes.request]: as.bad }, isUnreadable: true }
    if ('given' in as) {
      const identity = `given ${as.given}`
      const publishedMs = this.#firstOf(identity, nowMs - as.ageMs)
      return { attributes: repeatedBy(`given-${as.given}`, publishedMs), identity, publishedMs }
    }
    const identity = `request ${as.request}`
    if (nowMs - this.#firstOf(identity, nowMs) > windowMs) return undefined
    const request = { principal: '', route: 'POST /increment', key: `key-${as.request}` }
    const [message] = withRequestIdentity([{ data: Buffer.of() }], request, nowMs)
    return { attributes: message?.attributes ?? {}, identity }
  }

  #firstOf(identity: string, ms: number): number {
    const first = this.#firstMs.get(identity) ?? ms
    this.#firstMs.set(identity, first)
    return first
  }
}
