import type { google } from '@google-cloud/pubsub/build/protos/protos.js'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { Delivery } from '../broker/backlog.ts'
import type { Broker } from '../broker/broker.ts'
import type { Consumer } from '../broker/dispatcher.ts'
import type { Message } from '../broker/message.ts'
import { validName } from '../broker/names.ts'
import type { StatusError } from '../broker/status.ts'
import { asStatusError, invalidArgument, statusCodes } from '../broker/status.ts'
import type { Subscription } from '../broker/subscription.ts'
import type { RandomDeliveryFaults } from '../faults/delivery-faults.ts'
import type { RpcFaults } from '../faults/rpc-faults.ts'
import { encodeDeliveries } from './pull-response.ts'
import { checkAckIds } from './request-limits.ts'

type Request = google.pubsub.v1.IStreamingPullRequest
export type StreamingPullCall = ServerDuplexStream<Request, Uint8Array>

interface StreamingPullParts {
  readonly broker: Broker
  readonly rpcFaults: RpcFaults
  readonly deliveryFaults: RandomDeliveryFaults
}

/** One StreamingPull: first who it is, then acks, changed deadlines and signs of life, while messages flow. */
export class StreamingPull implements Consumer {
  readonly #call: StreamingPullCall
  readonly #broker: Broker
  readonly #rpcFaults: RpcFaults
  readonly #deliveryFaults: RandomDeliveryFaults
  #subscription: Subscription | undefined
  #leaseSeconds = 0
  /** From version 1 of the protocol on, a request that asks for nothing is a ping, and is answered. */
  #answersPings = false
  #maxMessages = Infinity
  #maxBytes = Infinity
  #messages = 0
  #bytes = 0
  /** gRPC has taken as much as it buffers. */
  #full = false
  #over = false
  /** What comes on the stream is done in order, also where an ack has to wait for a look elsewhere. */
  #working: Promise<void> = Promise.resolve()

  constructor(call: StreamingPullCall, { broker, rpcFaults, deliveryFaults }: StreamingPullParts) {
    this.#call = call
    this.#broker = broker
    this.#rpcFaults = rpcFaults
    this.#deliveryFaults = deliveryFaults
    call.on('data', (request: Request) => this.#next(() => this.#received(request)))
    call.on('end', () => this.#next(() => this.#halfClosed()))
    call.on('drain', () => {
      this.#full = false
      this.#subscription?.wake()
    })
    for (const event of ['cancelled', 'close']) call.on(event, () => this.#leave())
    // The connection was lost; 'cancelled' tells that, too.
    call.on('error', () => this.#leave())
  }

  get room() {
    if (this.#full) return { messages: 0, bytes: 0 }
    if (this.#deliveryFaults.ignoreFlowControl) return { messages: Infinity, bytes: Infinity }
    return { messages: this.#maxMessages - this.#messages, bytes: this.#maxBytes - this.#bytes }
  }

  get isEmpty(): boolean {
    return this.#messages === 0
  }

  get leaseMs(): number {
    return this.#leaseSeconds * 1000
  }

  deliver(deliveries: readonly Delivery[]): void {
    const { config } = this.#subscription as Subscription
    const attempts = config.deadLetterPolicy != null
    const response = encodeDeliveries(deliveries, {
      attempts,
      ordered: config.enableMessageOrdering === true,
    })
    if (!this.#call.write(response)) this.#full = true
  }

  leased({ size }: Message): void {
    this.#messages += 1
    this.#bytes += size
  }

  released({ size }: Message): void {
    this.#messages -= 1
    this.#bytes -= size
    this.#subscription?.wake()
  }

  end(status: StatusError): void {
    if (this.#over) return
    this.#leave()
    this.#call.emit('error', { code: statusCodes[status.status], details: status.message })
  }

  #next(work: () => void | Promise<void>): void {
    this.#working = this.#working.then(work).catch((error: unknown) => this.end(asStatusError(error)))
  }

  async #received(request: Request): Promise<void> {
    if (this.#over) return
    const strike = this.#rpcFaults.next('StreamingPull')
    if (strike.fate === 'refused') throw strike.status
    const isFirst = this.#subscription === undefined
    if (isFirst) this.#first(request)
    else this.#later(request)
    if (strike.fate === 'request dropped') return
    await this.#settle(request)
    if (!isFirst && this.#answersPings && isPing(request)) this.deliver([])
  }

  #first(request: Request): void {
    const { subscription, streamAckDeadlineSeconds: seconds } = request
    if (!subscription) throw invalidArgument('first message must set subscription')
    if (!seconds) throw invalidArgument('first message must set stream_ack_deadline_seconds')
    this.#setLease(seconds)
    this.#answersPings = Number(request.protocolVersion ?? 0) >= 1
    this.#maxMessages = bound(request.maxOutstandingMessages)
    this.#maxBytes = bound(request.maxOutstandingBytes)
    this.#subscription = this.#broker.subscription(validName('subscriptions', subscription))
    this.#subscription.addConsumer(this)
  }

  #later(request: Request): void {
    const { subscription, clientId, maxOutstandingMessages, maxOutstandingBytes, ...rest } = request
    const setOnce = {
      subscription,
      client_id: clientId,
      max_outstanding_messages: Number(maxOutstandingMessages ?? 0),
      max_outstanding_bytes: Number(maxOutstandingBytes ?? 0),
      protocol_version: Number(rest.protocolVersion ?? 0),
    }
    for (const [name, value] of Object.entries(setOnce)) {
      if (value) throw invalidArgument(`${name} may only be set in first message`)
    }
    if (rest.streamAckDeadlineSeconds) this.#setLease(rest.streamAckDeadlineSeconds)
  }

  #setLease(seconds: number): void {
    if (seconds < 10 || seconds > 600) {
      throw invalidArgument('stream_ack_deadline_seconds must be between 10 and 600 seconds')
    }
    this.#leaseSeconds = seconds
  }

  async #settle({ ackIds, modifyDeadlineAckIds, modifyDeadlineSeconds }: Request): Promise<void> {
    const subscription = this.#subscription as Subscription
    if (modifyDeadlineAckIds?.length !== modifyDeadlineSeconds?.length) {
      throw invalidArgument('modify_deadline_ack_ids and modify_deadline_seconds must have the same length')
    }
    if (ackIds?.length) await subscription.acknowledge(checkAckIds(ackIds))
    if (modifyDeadlineAckIds?.length) {
      checkAckIds(modifyDeadlineAckIds)
      subscription.modifyAckDeadline(modifyDeadlineAckIds, modifyDeadlineSeconds ?? [])
    }
  }

  #halfClosed(): void {
    if (this.#over) return
    this.#leave()
    this.#call.end()
  }

  #leave(): void {
    this.#over = true
    this.#subscription?.removeConsumer(this)
  }
}

function isPing({ ackIds, modifyDeadlineAckIds, streamAckDeadlineSeconds }: Request): boolean {
  return !ackIds?.length && !modifyDeadlineAckIds?.length && !streamAckDeadlineSeconds
}

/** Neither set nor positive: there is none. */
function bound(value: Request['maxOutstandingMessages']): number {
  const number = Number(value ?? 0)
  return number > 0 ? number : Infinity
}
