import type { PubsubClients } from '#pubsub/client.ts'
import type { OutgoingMessage } from '#pubsub/publisher.ts'

/** A call to publish, which the test answers. */
export interface PublishCall {
  readonly topic: string
  readonly texts: readonly string[]
  readonly timeoutMs: number
  confirm(): void
  fail(error: unknown): void
}

/** A publisher client without a server: the test plays the server, call by call. */
export class FakePublisher {
  readonly calls: PublishCall[] = []
  /** Answers calls from now on; undefined: the test does, one by one. Throws what a call fails with. */
  answer: ((texts: readonly string[]) => void) | undefined
  /** Set: the channel connects until it resolves. */
  connecting: Promise<void> | undefined

  get clients(): Pick<PubsubClients, 'publisher' | 'publisherConnecting'> {
    return { publisher: this, publisherConnecting: () => this.connecting } as never
  }

  publish(
    request: { readonly topic: string; readonly messages: readonly OutgoingMessage[] },
    options: { readonly timeout: number },
  ): Promise<unknown> {
    const texts = request.messages.map(({ data }) => data.toString())
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const confirm = () => resolve([{ messageIds: texts }])
    this.calls.push({ topic: request.topic, texts, timeoutMs: options.timeout, confirm, fail: reject })
    if (this.answer) {
      try {
        this.answer(texts)
        confirm()
      } catch (error) {
        reject(error)
      }
    }
    return promise
  }
}

/** An error as gRPC's client throws it. Of a server: it has metadata. */
export function grpcError(code: number, details: string, from: 'client' | 'server' = 'server'): Error {
  const map = from === 'server' ? { 'content-type': 'application/grpc' } : {}
  return Object.assign(new Error(`${code} ${details}`), { code, details, metadata: { getMap: () => map } })
}
