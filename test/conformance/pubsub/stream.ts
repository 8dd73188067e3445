import type { protos } from '@google-cloud/pubsub'
import type { PubsubClients } from '#pubsub/client.ts'

type StreamingPullResponse = protos.google.pubsub.v1.IStreamingPullResponse
export type StreamingPullRequest = protos.google.pubsub.v1.IStreamingPullRequest

/** A delivery, with what tests look at made plain. */
export interface Received {
  readonly ackId: string
  readonly attempt: number
  readonly messageId: string
  readonly data: Buffer
  readonly text: string
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
  readonly publishTimeMs: number
  /** When it came, by the monotonic clock. */
  readonly atMs: number
}

/** How a stream ended: code 0 is OK. */
export interface End {
  readonly code: number
  readonly message: string
}

/** One StreamingPull call, with a record of what came. Disposing of it cancels it. */
export interface StreamingPull extends AsyncDisposable {
  readonly responses: readonly StreamingPullResponse[]
  readonly received: readonly Received[]
  /** Called with each delivery, from now on. */
  each(visit: (received: Received) => void): void
  write(request: StreamingPullRequest): void
  ack(...received: readonly Received[]): void
  modack(seconds: number, ...received: readonly Received[]): void
  nack(...received: readonly Received[]): void
  /** Resolves with the first `count` deliveries as soon as there are as many; fails after `withinMs`. */
  until(count: number, withinMs?: number): Promise<Received[]>
  halfClose(): void
  cancel(): void
  /** Fails if the server does not end it within `withinMs`. */
  end(withinMs?: number): Promise<End>
}

const timeoutMs = 20_000

export function openStream(
  subscriber: PubsubClients['subscriber'],
  first: StreamingPullRequest | undefined,
): StreamingPull {
  const call = subscriber.streamingPull({})
  const responses: StreamingPullResponse[] = []
  const received: Received[] = []
  const visitors: ((received: Received) => void)[] = []
  const waiting = new Set<() => void>()
  let ending: End | undefined

  const changed = () => {
    for (const look of waiting) look()
  }
  const ended = (end: End) => {
    ending ??= end
    changed()
  }
  call.on('data', (response: StreamingPullResponse) => {
    responses.push(response)
    const now = (response.receivedMessages ?? []).map(receivedOf)
    received.push(...now)
    for (const delivery of now) for (const visit of visitors) visit(delivery)
    changed()
  })
  call.on('error', ({ code, details }: Error & { code?: number; details?: string }) =>
    ended({ code: code ?? -1, message: details ?? '' }),
  )
  call.on('end', () => ended({ code: 0, message: '' }))

  /** Resolves when an event makes it true. */
  const until = async (what: string, condition: () => boolean, withinMs: number): Promise<void> => {
    if (condition()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      if (condition()) resolve()
      else if (ending) reject(new Error(`the stream ended before ${what}: ${ending.code} ${ending.message}`))
    }
    const seen = () => `${received.length} deliveries: ${received.map(({ text }) => text).join()}`
    const timer = setTimeout(
      () => reject(new Error(`not within ${withinMs} ms: ${what}; ${seen()}`)),
      withinMs,
    )
    waiting.add(look)
    look()
    await promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(look)
    })
  }

  const write = (request: StreamingPullRequest) => {
    call.write(request)
  }
  if (first) write(first)
  const modack = (seconds: number, ...list: readonly Received[]) =>
    write({
      modifyDeadlineAckIds: list.map(({ ackId }) => ackId),
      modifyDeadlineSeconds: list.map(() => seconds),
    })
  return {
    responses,
    received,
    each: (visit) => visitors.push(visit),
    write,
    ack: (...list) => write({ ackIds: list.map(({ ackId }) => ackId) }),
    modack,
    nack: (...list) => modack(0, ...list),
    until: async (count, withinMs = timeoutMs) => {
      await until(`${count} deliveries`, () => received.length >= count, withinMs)
      return received.slice(0, count)
    },
    halfClose: () => call.end(),
    cancel: () => call.cancel(),
    end: async (withinMs = timeoutMs) => {
      await until('an end', () => ending !== undefined, withinMs)
      return ending as End
    },
    [Symbol.asyncDispose]: async () => {
      if (ending) return
      call.cancel()
      await until('the end of a cancelled stream', () => ending !== undefined, timeoutMs)
    },
  }
}

export function receivedOf({
  ackId,
  message,
  deliveryAttempt,
}: protos.google.pubsub.v1.IReceivedMessage): Received {
  const data = Buffer.from((message?.data as Uint8Array | undefined) ?? '')
  const { seconds, nanos } = message?.publishTime ?? {}
  return {
    ackId: ackId ?? '',
    attempt: deliveryAttempt ?? 0,
    messageId: message?.messageId ?? '',
    data,
    text: data.toString(),
    attributes: message?.attributes ?? {},
    orderingKey: message?.orderingKey ?? '',
    publishTimeMs: Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6,
    atMs: performance.now(),
  }
}
