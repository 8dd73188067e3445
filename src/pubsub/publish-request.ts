import type { PublishOutcome } from '#core/publishing.ts'
import type { OutgoingMessage } from './publisher.ts'

/** Messages of one request that go to the broker in one call: as a rule all of them. */
export class PublishPart {
  readonly request: PublishRequest
  readonly messages: readonly OutgoingMessage[]
  readonly bytes: number
  /** A call with it was begun that has not shown that the broker has none of it. */
  maybeSent = false

  constructor(request: PublishRequest, messages: readonly OutgoingMessage[], bytes: number) {
    this.request = request
    this.messages = messages
    this.bytes = bytes
  }

  confirm(): void {
    this.request.settlePart('confirmed', '')
  }

  /** It is not tried again. */
  fail(why: string): void {
    this.request.settlePart(this.maybeSent ? 'unknown' : 'not-sent', why)
  }
}

/** Settled once: by the outcome of its parts, or by its deadline. Whatever comes later changes nothing. */
export class PublishRequest {
  readonly outcome: Promise<PublishOutcome>
  readonly messages: number
  readonly bytes: number
  readonly deadlineMs: number
  parts: readonly PublishPart[] = []
  isSettled = false
  readonly #settle: (outcome: PublishOutcome) => void
  readonly #onSettled: (request: PublishRequest) => void
  #left = 0
  #confirmed = 0
  /** Of the first part that failed. */
  #why: string | undefined
  #isUnknown = false

  constructor(
    size: { readonly messages: number; readonly bytes: number },
    deadlineMs: number,
    onSettled: (request: PublishRequest) => void,
  ) {
    this.messages = size.messages
    this.bytes = size.bytes
    this.deadlineMs = deadlineMs
    this.#onSettled = onSettled
    const { promise, resolve } = Promise.withResolvers<PublishOutcome>()
    this.outcome = promise
    this.#settle = resolve
  }

  split(parts: readonly PublishPart[]): void {
    this.parts = parts
    this.#left = parts.length
  }

  settlePart(how: PublishOutcome['outcome'], why: string): void {
    if (this.isSettled) return
    this.#left -= 1
    if (how === 'confirmed') this.#confirmed += 1
    else {
      this.#why ??= why
      this.#isUnknown ||= how === 'unknown'
    }
    if (this.#left === 0) this.#end(this.#why)
  }

  /** No part is tried again; a call that is in flight may still succeed. */
  expire(why: string): void {
    if (this.isSettled) return
    this.#isUnknown ||= this.parts.some((part) => part.maybeSent)
    this.#end(this.#why ?? why)
  }

  #end(why: string | undefined): void {
    this.isSettled = true
    this.parts = []
    if (why === undefined) this.#settle({ outcome: 'confirmed' })
    else {
      const isUnknown = this.#isUnknown || this.#confirmed > 0
      this.#settle({ outcome: isUnknown ? 'unknown' : 'not-sent', why })
    }
    this.#onSettled(this)
  }
}
