/** A request that was answered, or given up by its client. */
export interface AnsweredRequest {
  /** One of few: `POST /increment`, or `other` for what no operation takes. */
  readonly route: string
  /** Of the response; 499 where the client left before it had one. */
  readonly status: number
  readonly seconds: number
}

/** Receives events of the HTTP gateway where they happen. Metrics and tests listen here. */
export interface GatewayObserver {
  /** A request has begun: its headers are complete. */
  began?(): void
  /** The end of each request that began. */
  answered?(request: AnsweredRequest): void
  /** What was received could not be read as a request, or not in time: answered with this status, and closed. */
  malformed?(status: number): void
  /** A connection was closed because there are too many. */
  connectionDropped?(): void
  /** Connections that are open now. */
  connectionsOpen?(count: number): void
}
