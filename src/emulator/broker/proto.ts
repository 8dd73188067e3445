// The shapes of requests and resources, from the client library's own declarations.
import type { google } from '@google-cloud/pubsub/build/protos/protos.js'

export type TopicConfig = google.pubsub.v1.ITopic
export type SubscriptionConfig = google.pubsub.v1.ISubscription
export type FieldMask = google.protobuf.IFieldMask
export type Duration = google.protobuf.IDuration
export type Timestamp = google.protobuf.ITimestamp

/** Of a duration since then, of a timestamp since 1970. */
export function msOf({ seconds, nanos }: Duration | Timestamp): number {
  return Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1_000_000
}
