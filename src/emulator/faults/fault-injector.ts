import type { Broker } from '../broker/broker.ts'
import type { Entry } from '../broker/entry.ts'
import type { MessageContent } from '../broker/message.ts'
import { contentOf } from '../broker/message.ts'
import type { StatusName } from '../broker/status.ts'
import { StatusError } from '../broker/status.ts'
import type { Subscription } from '../broker/subscription.ts'
import type { AckIdFailure, AckIdFaults, AckIdRpc } from './ack-id-faults.ts'
import type { RandomDeliveryFaults } from './delivery-faults.ts'
import type { Extent, RpcFaults } from './rpc-faults.ts'

/** An ack that is about to be accepted. */
export interface PendingAck {
  readonly subscription: string
  readonly messages: readonly MessageContent[]
}

export interface DeliveryFaultOptions {
  /** Of deliveries, how many are made twice: 0 to 1. */
  readonly duplicateShare?: number
  /** Messages that wait for delivery overtake up to this many others. */
  readonly shuffleWindow?: number
  /** Each message, each time, becomes available only after a random part of this time. */
  readonly maxDelayMs?: number
  /** Streams get everything, whatever bounds they asked for: as the official emulator does. */
  readonly ignoreFlowControl?: boolean
}

interface Parts {
  readonly broker: Broker
  readonly deliveryFaults: RandomDeliveryFaults
  readonly rpcFaults: RpcFaults
  readonly ackIdFaults: AckIdFaults
  readonly random: () => number
}

/** Makes the emulator misbehave: as the service may, and does on bad days. */
export class FaultInjector {
  readonly #parts: Parts
  /** Called before acks are accepted; they wait for it, and are refused with its error if it fails. */
  beforeAck: ((acks: PendingAck) => Promise<void>) | undefined = undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** From now on, for messages that become available; faults that are not named end. */
  deliveries(options: DeliveryFaultOptions): void {
    Object.assign(this.#parts.deliveryFaults, {
      duplicateShare: options.duplicateShare ?? 0,
      shuffleWindow: options.shuffleWindow ?? 0,
      maxDelayMs: options.maxDelayMs ?? 0,
      ignoreFlowControl: options.ignoreFlowControl ?? false,
    })
  }

  /** Calls of this RPC are not executed, and never answered. For `StreamingPull`: what comes on a stream is lost. */
  dropRequests(rpc: string, extent: Extent): void {
    this.#parts.rpcFaults.dropRequests(rpc, extent)
  }

  /** Calls of this RPC are executed, and never answered. */
  dropReplies(rpc: string, extent: Extent): void {
    this.#parts.rpcFaults.dropReplies(rpc, extent)
  }

  /** Calls of this RPC are not executed, and answered with this status. */
  refuse(rpc: string, status: StatusName, extent: Extent): void {
    this.#parts.rpcFaults.refuse(rpc, status, extent)
  }

  /**
   * The next ack ids of this RPC, or this share of them, fail with their own reason; the rest of their request
   * is done. `PERMANENT_…`: the lease ends as well.
   */
  failAckIds(rpc: AckIdRpc, failure: AckIdFailure, extent: Extent): void {
    this.#parts.ackIdFaults.fail(rpc, failure, extent)
  }

  /** Ends the streams that are open now, and the pulls that wait. */
  breakStreams(status: StatusName, message = 'broken on purpose'): void {
    for (const subscription of this.#parts.broker.subscriptions)
      subscription.end(new StatusError(status, message))
  }

  /** Nothing is delivered until `resume`; acks and everything else are served. */
  pause(): void {
    this.#parts.broker.paused = true
  }

  resume(): void {
    this.#parts.broker.paused = false
  }

  /** Lets this share of all leases end now, as if their deadlines had passed. */
  expireLeases(share = 1): void {
    for (const { backlog } of this.#parts.broker.subscriptions) backlog.expire(() => this.#draws(share))
  }

  /** Delivers this share of what is leased once more, while the leases go on. */
  redeliver(share = 1): void {
    for (const { backlog } of this.#parts.broker.subscriptions) backlog.repeat(() => this.#draws(share))
  }

  /** All is well again. */
  clear(): void {
    this.deliveries({})
    this.#parts.rpcFaults.clear()
    this.#parts.ackIdFaults.clear()
    this.beforeAck = undefined
    this.resume()
  }

  /** Called by the broker before it accepts acks; undefined: not used. */
  get lookBeforeAck():
    | ((subscription: Subscription, entries: readonly Entry[]) => Promise<void>)
    | undefined {
    const { beforeAck } = this
    if (!beforeAck) return undefined
    return ({ name }, entries) =>
      beforeAck({ subscription: name, messages: entries.map(({ message }) => contentOf(message)) })
  }

  #draws(share: number): boolean {
    return share >= 1 || this.#parts.random() < share
  }
}
