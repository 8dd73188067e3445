// The service's own proto files, as the client library brings them: in JSON, and as declarations of their messages.
import { createRequire } from 'node:module'
import type { google } from '@google-cloud/pubsub/build/protos/protos.js'
import type { INamespace } from 'protobufjs'
import protobuf from 'protobufjs'

const json = createRequire(import.meta.url)('@google-cloud/pubsub/build/protos/protos.json') as INamespace

/** All messages and services, resolved. */
export const protoRoot = protobuf.Root.fromJSON(json).resolveAll()

export const PubsubMessage = protoRoot.lookupType('google.pubsub.v1.PubsubMessage')

export type TopicConfig = google.pubsub.v1.ITopic
export type SubscriptionConfig = google.pubsub.v1.ISubscription
export type FieldMask = google.protobuf.IFieldMask
export type Duration = google.protobuf.IDuration
export type Timestamp = google.protobuf.ITimestamp

/** Of a duration since then, of a timestamp since 1970. */
export function msOf({ seconds, nanos }: Duration | Timestamp): number {
  return Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1_000_000
}
