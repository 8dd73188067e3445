import type { protos } from '@google-cloud/pubsub'
import type { Clock } from '#runtime/clock.ts'
import type { PubsubClients } from './client.ts'
import type { Confirmations, PullResponse } from './pull-response.ts'
import type { PulledDelivery } from './pulled-delivery.ts'
import { readPullResponse } from './pull-response.ts'

export interface PullStreamOptions {
  /** Whose `streamingPull` gives bytes: see `installFastCodecs`. */
  readonly subscriber: PubsubClients['subscriber']
  readonly subscription: string
  readonly ackDeadlineMs: number
  /** What the server may send before anything is acked. Servers may ignore it. */
  readonly maxMessages: number
  readonly maxBytes: number
  readonly clock: Clock
  /** Whether the channel is connected: a stream on one that is not waits without a word. */
  readonly isConnected: () => boolean
  /** When any of the channel's streams last brought something, by the monotonic clock. */
  readonly channelHeardAtMs: () => number
  /** Anything came from the server; a response without messages is a heartbeat. */
  readonly heard: (isHeartbeat: boolean) => void
  readonly received: (deliveries: PulledDelivery[]) => void
  readonly confirmed: (confirmations: Confirmations) => void
  /** Called once, for any reason; no error where it ended with OK. */
  readonly ended: (error: Error | undefined) => void
}

/**
 * A half-closed stream is cut off when the server has sent nothing on the whole channel at this many checks, two seconds.
 * That the stream itself is silent says little: streams share a connection, and one was seen to wait for over two seconds
 * behind the others' data, with 800 messages of its own. Several checks, since in a process that was stopped for a while
 * timers fire before the data that arrived meanwhile is read.
 */
const drainLooks = 4
const drainLookMs = 500
/** After this time without a failure, a stream that had nothing to deliver counts as open. */
const assumeOpenMs = 1000
/** As a share of what could be requested now. */
const littleShare = 0.8

/** One StreamingPull call, from its opening to its end. It is not reopened: its owner opens another. */
export class PullStream {
  readonly #options: PullStreamOptions
  readonly #call: ReturnType<PubsubClients['subscriber']['streamingPull']>
  #open = false
  #ended = false
  #draining = false
  #cancelTimer: (() => void) | undefined
  #heardAtMs: number
  #pingedAtMs = 0

  constructor(options: PullStreamOptions, opened: () => void) {
    this.#options = options
    this.#heardAtMs = options.clock.now()
    this.#call = options.subscriber.streamingPull({})
    const onOpen = () => {
      if (this.#open || this.#ended) return
      this.#open = true
      opened()
    }
    this.#call.on('metadata', () => {
      onOpen()
      if (!this.#ended) this.#heard(false)
    })
    this.#call.on('data', (response: Buffer) => {
      // What a cancelled stream had buffered is ignored: its owner has already written it off.
      if (this.#ended) return
      onOpen()
      this.#received(response)
    })
    // An OK end brings 'end' alone, a failure 'error' and perhaps 'end': the first one counts.
    this.#call.on('error', (error: Error) => this.#end(error))
    this.#call.on('end', () => this.#end(undefined))
    this.#call.on('close', () => this.#end(undefined))
    this.#call.write(this.#openingRequest())
    // What it is answered with shows at once that the stream is open.
    this.ping()
    const assumeOpen = () => {
      if (options.isConnected()) onOpen()
      else this.#cancelTimer = options.clock.after(assumeOpenMs, assumeOpen)
    }
    this.#cancelTimer = options.clock.after(assumeOpenMs, assumeOpen)
  }

  get isOpen(): boolean {
    return this.#open && !this.#ended
  }

  /** For how long nothing has come on it. */
  get silentMs(): number {
    return this.#options.clock.now() - this.#heardAtMs
  }

  get sincePingMs(): number {
    return this.#options.clock.now() - this.#pingedAtMs
  }

  /** Asks for a sign of life: servers that speak version 1 of the protocol answer an empty request. */
  ping(): void {
    if (this.#ended || this.isDraining) return
    this.#pingedAtMs = this.#options.clock.now()
    this.#call.write({})
  }

  get isDraining(): boolean {
    return this.#draining
  }

  /** Whether clearly less than this was requested when it was opened; the server keeps to it for the stream's lifetime. */
  asksTooLittle({ messages, bytes }: { readonly messages: number; readonly bytes: number }): boolean {
    const { maxMessages, maxBytes } = this.#options
    return maxMessages < messages * littleShare || maxBytes < bytes * littleShare
  }

  /**
   * Ends the stream gracefully: what the server has already sent still arrives, and is not left to age until its
   * deadline passes, which would cost a delivery attempt. That may be much (measured: 3,700 messages of 10 KB, for
   * 1.7 s). After a whole deadline everything still on its way has expired anyway.
   */
  drain(): void {
    if (this.#ended || this.#draining) return
    this.#draining = true
    this.#call.end()
    this.#limitDrain()
  }

  /** What cannot be read is not of this protocol, and neither is what would follow it. */
  #received(response: Buffer): void {
    const { clock, subscription, received, confirmed } = this.#options
    let read: PullResponse
    try {
      read = readPullResponse(response, { subscription, atMs: clock.now() })
    } catch (error) {
      this.#call.cancel()
      return this.#end(error as RangeError)
    }
    this.#heard(read.deliveries.length === 0)
    if (read.confirmations) confirmed(read.confirmations)
    if (read.deliveries.length > 0) received(read.deliveries)
  }

  #heard(isHeartbeat: boolean): void {
    this.#heardAtMs = this.#options.clock.now()
    this.#options.heard(isHeartbeat)
  }

  #limitDrain(): void {
    const { clock, ackDeadlineMs, channelHeardAtMs } = this.#options
    const endMs = clock.now() + ackDeadlineMs
    let heardAtMs = channelHeardAtMs()
    let silentLooks = 0
    const look = () => {
      silentLooks = channelHeardAtMs() === heardAtMs ? silentLooks + 1 : 0
      heardAtMs = channelHeardAtMs()
      if (silentLooks === drainLooks || clock.now() >= endMs) this.#cancel()
      else lookLater()
    }
    const lookLater = () => {
      this.#cancelTimer = clock.after(Math.min(drainLookMs, endMs - clock.now()), look)
    }
    this.#cancelTimer?.()
    lookLater()
  }

  /** Ends it at once; what is on its way is redelivered when its deadline passes. */
  #cancel(): void {
    this.#call.cancel()
    this.#end(undefined)
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancelTimer?.()
    this.#options.ended(error)
  }

  #openingRequest(): protos.google.pubsub.v1.IStreamingPullRequest {
    const { subscription, ackDeadlineMs, maxMessages, maxBytes } = this.#options
    return {
      subscription,
      streamAckDeadlineSeconds: Math.round(ackDeadlineMs / 1000),
      maxOutstandingMessages: maxMessages,
      maxOutstandingBytes: maxBytes,
      protocolVersion: 1,
    }
  }
}
