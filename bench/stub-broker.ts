// A broker that costs next to nothing: it sends responses that are encoded beforehand.
//
// It keeps to the limits that a stream asked for, takes acks and leases, and redelivers what is nacked or whose lease
// expires; it has no topics, no retention, no faults, and its acks are never late. It serves what a subscriber calls, and
// the calls that ensure that topic and subscription exist.
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import type {
  ServerDuplexStream,
  ServerUnaryCall,
  UntypedServiceImplementation,
  sendUnaryData,
} from '@grpc/grpc-js'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { rpcs } from '#emulator/wire/schema.ts'
import { StubBacklog } from './stub-backlog.ts'
import type { BacklogOptions } from './stub-backlog.ts'

export interface StubBrokerOptions extends BacklogOptions {
  /** After each change, with what has been acked in all. */
  readonly onAcked: (acked: number) => void
}

interface PullRequest {
  readonly streamAckDeadlineSeconds?: number
  readonly maxOutstandingMessages?: unknown
  readonly maxOutstandingBytes?: unknown
  readonly ackIds?: readonly string[]
  readonly modifyDeadlineAckIds?: readonly string[]
  readonly modifyDeadlineSeconds?: readonly number[]
}

const mostAtOnce = 1000
const mostBytesAtOnce = 1024 * 1024
const expireEveryMs = 1000
const empty = Buffer.alloc(0)

/** Starts it on a free port of the loopback interface. */
export async function startStubBroker(options: StubBrokerOptions): Promise<StubBroker> {
  const source = new StubBroker(options)
  await source.listen()
  return source
}

export class StubBroker implements AsyncDisposable {
  readonly #options: StubBrokerOptions
  readonly #backlog: StubBacklog
  readonly #server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.enable_channelz': 0 })
  readonly #sockets = new Set<Socket>()
  readonly #listener = createServer({ noDelay: true })
  #streams: Stream[] = []
  /** By message: the stream that it was sent on. */
  readonly #holders = new Map<number, Stream>()
  readonly #expiry: NodeJS.Timeout
  modacked = 0

  constructor(options: StubBrokerOptions) {
    this.#options = options
    this.#backlog = new StubBacklog(options)
    this.#expiry = setInterval(() => this.#expire(), expireEveryMs)
  }

  get acked(): number {
    return this.#backlog.acked
  }

  get emulatorHost(): string {
    return `127.0.0.1:${(this.#listener.address() as AddressInfo).port}`
  }

  async listen(): Promise<void> {
    await this.#backlog.prepare()
    this.#server.addService(definition(), this.#implementation())
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure())
    this.#listener.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
      injector.injectConnection(socket)
    })
    this.#listener.listen({ host: '127.0.0.1', port: 0 })
    await once(this.#listener, 'listening')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#expiry)
    this.#listener.close()
    for (const socket of this.#sockets) socket.destroy()
    this.#server.forceShutdown()
  }

  #implementation(): UntypedServiceImplementation {
    const acknowledge = ({ ackIds }: PullRequest) => this.#ack(ackIds ?? [])
    const modify = ({ ackIds, ackDeadlineSeconds }: PullRequest & { readonly ackDeadlineSeconds?: number }) =>
      this.#modify(ackIds ?? [], () => ackDeadlineSeconds ?? 0)
    const unary =
      (work: (request: PullRequest) => void) =>
      (call: ServerUnaryCall<PullRequest, Buffer>, reply: sendUnaryData<Buffer>) => {
        work(call.request)
        reply(null, empty)
      }
    return {
      StreamingPull: (call: ServerDuplexStream<PullRequest, Buffer>) => this.#open(call),
      Acknowledge: unary(acknowledge),
      ModifyAckDeadline: unary(modify),
      CreateTopic: unary(() => {}),
      GetTopic: unary(() => {}),
      CreateSubscription: unary(() => {}),
      GetSubscription: unary(() => {}),
    }
  }

  #open(call: ServerDuplexStream<PullRequest, Buffer>): void {
    const stream = new Stream(call, this.#backlog.meanBytes)
    call.on('data', (request: PullRequest) => {
      if (stream.isNew) {
        stream.begin(request)
        this.#streams.push(stream)
      }
      this.#ack(request.ackIds ?? [])
      const { modifyDeadlineAckIds = [], modifyDeadlineSeconds = [] } = request
      this.#modify(modifyDeadlineAckIds, (n) => modifyDeadlineSeconds[n] ?? 0)
      this.#send()
    })
    const leave = () => {
      this.#streams = this.#streams.filter((other) => other !== stream)
    }
    call.on('end', () => {
      leave()
      call.end()
    })
    for (const event of ['cancelled', 'close', 'error']) call.on(event, leave)
    call.on('drain', () => {
      stream.full = false
      this.#send()
    })
  }

  #ack(ackIds: readonly string[]): void {
    if (ackIds.length === 0) return
    for (const ackId of ackIds) {
      const id = Number(ackId)
      if (this.#backlog.ack(id)) this.#release(id)
    }
    this.#options.onAcked(this.#backlog.acked)
    this.#send()
  }

  #modify(ackIds: readonly string[], secondsOf: (n: number) => number): void {
    this.modacked += ackIds.length
    const now = performance.now()
    for (const [n, ackId] of ackIds.entries()) {
      const [id, seconds] = [Number(ackId), secondsOf(n)]
      if (seconds > 0) this.#backlog.extend(id, now + seconds * 1000)
      else this.#nack(id)
    }
    this.#send()
  }

  #nack(id: number): void {
    this.#release(id)
    this.#backlog.nack(id)
  }

  #release(id: number): void {
    this.#holders.get(id)?.released()
    this.#holders.delete(id)
  }

  #expire(): void {
    for (const id of this.#backlog.expire(performance.now())) this.#release(id)
    this.#send()
  }

  /** Up to a thousand to each stream in turn, while one has room. */
  #send(): void {
    for (let sent = true; sent; ) {
      sent = false
      for (const stream of this.#streams) {
        const room = Math.min(mostAtOnce, stream.room)
        const parcel = room > 0 ? this.#backlog.take(room, performance.now() + stream.leaseMs) : undefined
        if (!parcel) continue
        for (const id of parcel.ids) this.#holders.set(id, stream)
        stream.send(parcel.bytes, parcel.ids.length)
        sent = true
      }
    }
  }
}

class Stream {
  readonly #call: ServerDuplexStream<PullRequest, Buffer>
  #maxMessages = Infinity
  #maxBytes = Infinity
  #held = 0
  /** Of a message. Known before the first one: a reopened stream must not begin by sending too much. */
  readonly #meanBytes: number
  isNew = true
  leaseMs = 10_000
  /** gRPC has taken as much as it buffers. */
  full = false

  constructor(call: ServerDuplexStream<PullRequest, Buffer>, meanBytes: number) {
    this.#call = call
    this.#meanBytes = meanBytes
  }

  begin({ maxOutstandingMessages, maxOutstandingBytes, streamAckDeadlineSeconds }: PullRequest): void {
    this.isNew = false
    this.leaseMs = (streamAckDeadlineSeconds ?? 10) * 1000
    this.#maxMessages = Number(maxOutstandingMessages ?? 0) || Infinity
    this.#maxBytes = Number(maxOutstandingBytes ?? 0) || Infinity
  }

  /** Messages that may be sent now. */
  get room(): number {
    if (this.full) return 0
    const byBytes = Math.floor(this.#maxBytes / this.#meanBytes) - this.#held
    const atOnce = Math.max(1, Math.floor(mostBytesAtOnce / this.#meanBytes))
    const room = Math.min(this.#maxMessages - this.#held, byBytes, atOnce)
    return this.#held === 0 ? Math.max(1, room) : room
  }

  send(bytes: Buffer, messages: number): void {
    this.#held += messages
    if (!this.#call.write(bytes)) this.full = true
  }

  released(): void {
    this.#held -= 1
  }
}

function definition() {
  return Object.fromEntries(
    rpcs.map(({ name, path, request, streaming }) => [
      name,
      {
        path,
        requestStream: streaming,
        responseStream: streaming,
        requestSerialize: () => empty,
        requestDeserialize: (bytes: Buffer) => request.decode(bytes),
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    ]),
  )
}
