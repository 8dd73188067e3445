import type { v1 } from '@google-cloud/pubsub'
import { protos } from '@google-cloud/pubsub'

/** What gRPC's own client has, under the generated one. */
interface Stub {
  makeBidiStreamRequest(
    path: string,
    serialize: (request: protos.google.pubsub.v1.IStreamingPullRequest) => Uint8Array,
    deserialize: (bytes: Buffer) => Buffer,
    ...rest: unknown[]
  ): unknown
}

const { StreamingPullRequest } = protos.google.pubsub.v1

/**
 * From now on the responses of this client's `streamingPull` are bytes, to be read by `readPullResponse`. The generated
 * code costs 1.1 CPU-seconds per million messages to read them, and as much again in garbage; credentials, headers,
 * deadlines and errors stay with it.
 */
export function pullBytes(subscriber: v1.SubscriberClient): void {
  const replaceCodec = (stub: Stub) => ({
    streamingPull: (...rest: unknown[]) =>
      stub.makeBidiStreamRequest(
        '/google.pubsub.v1.Subscriber/StreamingPull',
        (request) => StreamingPullRequest.encode(request).finish(),
        (bytes) => bytes,
        ...rest,
      ),
  })
  // The generated client looks a method up when it is called. Where there is no stub its calls tell why.
  subscriber.initialize().then(
    (stub) => Object.assign(stub, replaceCodec(stub as unknown as Stub)),
    () => {},
  )
}
