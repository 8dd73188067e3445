/** gRPC status codes by name; https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

export type StatusName = keyof typeof statusCodes

/** What an RPC is answered with when it is not answered with a response. */
export class StatusError extends Error {
  readonly status: StatusName
  /** `google.rpc.ErrorInfo`, for a machine to read. */
  readonly info: ErrorInfo | undefined

  constructor(status: StatusName, message: string, info?: ErrorInfo) {
    super(message)
    this.name = 'StatusError'
    this.status = status
    this.info = info
  }
}

/** https://google.aip.dev/193 */
export interface ErrorInfo {
  readonly reason: string
  readonly metadata: Readonly<Record<string, string>>
}

export const errorDomain = 'pubsub.googleapis.com'

export const invalidArgument = (message: string) => new StatusError('INVALID_ARGUMENT', message)
export const notFound = (message: string) => new StatusError('NOT_FOUND', message)
export const unimplemented = (what: string) =>
  new StatusError('UNIMPLEMENTED', `${what} is not served by this emulator.`)

export const shuttingDown = () => new StatusError('UNAVAILABLE', 'The emulator is shutting down.')

/** Any thrown error as a status; one that is a bug of ours is INTERNAL. */
export function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error
  return new StatusError('INTERNAL', error instanceof Error ? error.message : String(error))
}
