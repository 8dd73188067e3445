import { protos } from '@google-cloud/pubsub'

const { StreamingPullResponse } = protos.google.pubsub.v1

/** A response as it comes from the wire. */
export function pullResponse(response: protos.google.pubsub.v1.IStreamingPullResponse): Buffer {
  return Buffer.from(StreamingPullResponse.encode(response).finish())
}
