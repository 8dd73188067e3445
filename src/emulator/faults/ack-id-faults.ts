import type { ErrorInfo } from '../broker/status.ts'
import { StatusError } from '../broker/status.ts'
import type { Extent } from './rpc-faults.ts'

/** What subscriptions with exactly-once delivery say of single ack ids. */
export const ackIdFailures = [
  'PERMANENT_FAILURE_INVALID_ACK_ID',
  'TRANSIENT_FAILURE_ACK_ID_SEND_AGAIN',
] as const
export type AckIdFailure = (typeof ackIdFailures)[number]

/** RPCs that carry ack ids. */
export const ackIdRpcs = ['Acknowledge', 'ModifyAckDeadline'] as const
export type AckIdRpc = (typeof ackIdRpcs)[number]

interface Strike {
  readonly failure: AckIdFailure
  left: number
  readonly share: number
}

/**
 * Lets single ack ids of a request fail: the others are done, and the error names those that are not. The service and the
 * official emulator answer so, where delivery is exactly-once.
 */
export class AckIdFaults {
  readonly #random: () => number
  readonly #strikes = new Map<AckIdRpc, Strike[]>()

  constructor(random: () => number) {
    this.#random = random
  }

  /** The next `count` ids, or this share of all ids. */
  fail(rpc: AckIdRpc, failure: AckIdFailure, extent: Extent): void {
    const limits =
      'times' in extent ? { left: extent.times, share: 1 } : { left: Infinity, share: extent.share }
    this.#strikes.set(rpc, [...(this.#strikes.get(rpc) ?? []), { failure, ...limits }])
  }

  clear(): void {
    this.#strikes.clear()
  }

  /** The ids that fail of those of a call that begins now, each with its failure. */
  next(rpc: AckIdRpc, ackIds: readonly string[]): ReadonlyMap<string, AckIdFailure> {
    const failed = new Map<string, AckIdFailure>()
    const strikes = this.#strikes.get(rpc)
    if (!strikes) return failed
    for (const ackId of ackIds) {
      const strike = strikes.find(({ left, share }) => left > 0 && (share >= 1 || this.#random() < share))
      if (!strike) continue
      strike.left -= 1
      failed.set(ackId, strike.failure)
    }
    return failed
  }
}

/** The answer to a call of which some ids have failed. */
export function partialFailure(failed: ReadonlyMap<string, AckIdFailure>): StatusError {
  const info: ErrorInfo = { reason: 'EXACTLY_ONCE_ACKID_FAILURE', metadata: Object.fromEntries(failed) }
  return new StatusError('INVALID_ARGUMENT', 'Some acknowledgement ids in the request failed.', info)
}
