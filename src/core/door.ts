import type { Rejection } from './rejection.ts'

/** An HTTP request as a door sees it: complete, within the gateway's limits, and allowed in. */
export interface DoorRequest {
  /** Values of the path's parameters, decoded: of `/:id` the member `id`. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** As it was received, after content encodings were refused; empty where there is none. */
  readonly body: Buffer
}

/** A message that a door makes of a request. The gateway adds the attributes of its identity. */
export interface DoorMessage {
  readonly data: Buffer
  readonly attributes?: Readonly<Record<string, string>>
  readonly orderingKey?: string
}

/** A response without an error. A body is sent as JSON; absent: an empty one. */
export interface DoorResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** What OpenAPI 3.1 says of an operation: https://spec.openapis.org/oas/v3.1.1.html#operation-object */
export type Operation = Readonly<Record<string, unknown>>

/** A route by which requests become messages of a topic. Answered when the broker has confirmed all of them. */
export interface Door {
  readonly method: 'POST' | 'PUT'
  /** `/increment`, or with parameters: `/items/:id`. A parameter is a whole segment; its name is an ASCII identifier. */
  readonly path: string
  /** An id in the configured project, or a full name. */
  readonly topicId: string
  /** With an emulator both are created; elsewhere the gateway is not ready until the topic has a subscription. */
  readonly subscriptionId: string
  /** Undefined: the request has no body. */
  readonly contentType: 'application/json' | undefined
  readonly maxBodyBytes: number
  /** Parameters, request body, its own responses and examples. Those that every door has, the gateway adds. */
  readonly operation: Operation
  /** Pure, and never throws. A rejection is a 400 with its detail as `error`. */
  read(request: DoorRequest): readonly DoorMessage[] | Rejection
  /** When all of them are confirmed. */
  readonly accepted: DoorResponse
}

/** What a door is called in metrics, the log and the identities of requests: `POST /increment`. */
export const routeOf = ({ method, path }: Pick<Door, 'method' | 'path'>) => `${method} ${path}`
