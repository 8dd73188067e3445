import { EventEmitter } from 'node:events'
import type { PubsubClients } from '#pubsub/client.ts'
import { pullResponse } from './pull-response.ts'

/** A subscriber client without a server: the test plays the server, event by event. */
export class FakeSubscriber {
  readonly streams: FakeStream[] = []
  readonly acked: string[][] = []
  readonly nacked: string[][] = []
  readonly extended: string[][] = []
  /** What unary calls fail with, while set. */
  failure: Error | undefined

  get clients(): PubsubClients {
    const isConnected = () => true
    return { projectId: 'p', isEmulator: true, subscriber: this, isConnected, close: async () => {} } as never
  }

  /** Streams that have not ended. */
  get alive(): FakeStream[] {
    return this.streams.filter((stream) => !stream.over && !stream.cancelled)
  }

  /** What its codecs are put into, which it does without. */
  async initialize(): Promise<object> {
    return {}
  }

  streamingPull(): FakeStream {
    const stream = new FakeStream()
    this.streams.push(stream)
    return stream
  }

  async acknowledge({ ackIds }: { ackIds: string[] }): Promise<void> {
    this.acked.push(ackIds)
    if (this.failure) throw this.failure
  }

  async modifyAckDeadline({ ackIds, ackDeadlineSeconds }: { ackIds: string[]; ackDeadlineSeconds: number }) {
    const calls = ackDeadlineSeconds === 0 ? this.nacked : this.extended
    calls.push(ackIds)
    if (this.failure) throw this.failure
  }
}

let lastId = 0

/** One StreamingPull call, with its events in the order in which the real client was seen to emit them. */
export class FakeStream extends EventEmitter {
  request: { maxOutstandingMessages?: number; maxOutstandingBytes?: number } = {}
  halfClosed = 0
  cancelled = false
  over = false

  pings = 0

  /** The first request opens it; empty ones after it are pings. */
  write(request: FakeStream['request']): void {
    if (Object.keys(request).length === 0) this.pings += 1
    else this.request = request
  }

  heartbeat(): void {
    this.emit('data', pullResponse({}))
  }

  end(): void {
    this.halfClosed += 1
  }

  cancel(): void {
    this.cancelled = true
    process.nextTick(() => this.fail(1))
  }

  /** One response; `bytes` is the size of each message's data. */
  deliver(count: number, bytes = 1): void {
    const receivedMessages = Array.from({ length: count }, () => {
      const messageId = String(++lastId)
      return { ackId: `ack-${messageId}`, message: { messageId, data: Buffer.alloc(bytes) } }
    })
    this.emit('data', pullResponse({ receivedMessages }))
  }

  endOk(): void {
    this.over = true
    this.emit('end')
    this.emit('close')
  }

  fail(code: number): void {
    if (this.over) return
    this.over = true
    this.emit('error', Object.assign(new Error(`status ${code}`), { code }))
    this.emit('close')
    this.emit('end')
  }
}
