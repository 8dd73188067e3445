import { grpcStatus, statusOf } from './client.ts'

/**
 * What a failed call to publish says of its messages:
 *
 * - `bad-message`: the broker has refused the request, for one of its messages
 * - `refused`: the broker has none of them, and would refuse them again
 * - `not-sent`: the broker has none of them, and may take them later
 * - `unknown`: it may have taken them
 */
export type PublishFailure = 'bad-message' | 'refused' | 'not-sent' | 'unknown'

/**
 * Statuses by which the service says that it did nothing. All others may come from something between it and us, after
 * it did what was asked: UNAVAILABLE, INTERNAL, UNKNOWN, ABORTED, CANCELLED, DEADLINE_EXCEEDED.
 */
const refusals: ReadonlyMap<number | undefined, PublishFailure> = new Map([
  [grpcStatus.invalidArgument, 'bad-message'],
  [grpcStatus.notFound, 'refused'],
  [grpcStatus.permissionDenied, 'refused'],
  [grpcStatus.failedPrecondition, 'refused'],
  [grpcStatus.unimplemented, 'refused'],
  [grpcStatus.unauthenticated, 'refused'],
  // A quota, which has room again in a moment.
  [grpcStatus.resourceExhausted, 'not-sent'],
])

/** A call that was not made. */
export class CallWithheld extends Error {
  override readonly name = 'CallWithheld'
}

/** What a failure to publish says of the messages. In doubt: `unknown`. */
export function publishFailureOf(error: unknown): PublishFailure {
  if (error instanceof CallWithheld) return 'not-sent'
  if (isLocal(error)) {
    const { details } = error
    if (neverStarted.some((text) => text.test(details))) return 'not-sent'
    if (afterSending.some((text) => text.test(details))) return 'unknown'
  }
  return refusals.get(statusOf(error)) ?? 'unknown'
}

/**
 * A status that gRPC's client made itself has no metadata; what a server answers has some. A server's words cannot be
 * taken for the client's own, then.
 */
function isLocal(error: unknown): error is Error & { readonly details: string } {
  if (!(error instanceof Error) || !('details' in error) || typeof error.details !== 'string') return false
  const { metadata } = error as { readonly metadata?: { readonly getMap?: () => object } }
  return Object.keys(metadata?.getMap?.() ?? {}).length === 0
}

/** How @grpc/grpc-js 1.14 words that a call ended before it had a stream, or that HTTP/2 vouches that it was not read. */
const neverStarted: readonly RegExp[] = [
  /^No connection established/,
  /^Name resolution failed for target /,
  /^Channel closed before call started$/,
  /^Getting metadata from plugin failed with error: /,
  /^Failed to start HTTP\/2 stream with error /,
  // REFUSED_STREAM: https://www.rfc-editor.org/rfc/rfc9113#section-8.7
  /^Stream refused by server$/,
  /^Deadline exceeded after .*(?:Waiting for LB pick|waiting for name resolution|waiting for metadata filters)$/s,
]

/** Its own errors under a status that would be a refusal if the service had sent it. */
const afterSending: readonly RegExp[] = [
  /^Bandwidth exhausted or memory limit exceeded$/,
  /^Received message larger than max/,
  /^Received message that decompresses to a size larger than/,
]
