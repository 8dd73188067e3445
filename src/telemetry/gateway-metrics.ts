import { Counter, Gauge, Histogram } from 'prom-client'
import type { Registry } from 'prom-client'
import type { GatewayObserver } from '#core/gateway-observer.ts'

/** The gateway, as far as metrics ask it. */
export interface MeasuredGateway {
  /** `POST /increment`; each begins with its first metrics at 0. */
  readonly routes: readonly string[]
  /** The status of what is accepted, of each route. */
  readonly acceptedStatus: (route: string) => number
  /** Messages that wait to be published, or are on their way. Read when the metrics are. */
  readonly queued: () => number
}

/** From well under what the broker takes, to what a client waits. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Counts what a gateway tells, in the registry of its process. Called once. */
export function gatewayMetrics(registry: Registry, measured: MeasuredGateway): GatewayObserver {
  const registers = [registry]
  const requests = new Counter({
    name: 'ingester_gateway_requests_total',
    help: 'HTTP requests answered, by route and status; 499: the client left before it had an answer',
    labelNames: ['route', 'status'],
    registers,
  })
  const seconds = new Histogram({
    name: 'ingester_gateway_request_seconds',
    help: 'From the headers of an HTTP request to the end of its response',
    labelNames: ['route'],
    buckets: requestBuckets,
    registers,
  })
  const inFlight = new Gauge({
    name: 'ingester_gateway_requests_in_flight',
    help: 'HTTP requests that have no answer yet',
    registers,
  })
  const queued: Gauge = new Gauge({
    name: 'ingester_gateway_queued_messages',
    help: 'Messages that wait to be published, or whose publishing is not confirmed yet',
    registers,
    collect: () => queued.set(measured.queued()),
  })
  const malformed = new Counter({
    name: 'ingester_gateway_malformed_total',
    help: 'Input that is not an HTTP request or did not arrive in time, by the status of its answer',
    labelNames: ['status'],
    registers,
  })
  const connections = new Gauge({
    name: 'ingester_gateway_connections',
    help: 'Open client connections',
    registers,
  })
  const dropped = new Counter({
    name: 'ingester_gateway_connections_dropped_total',
    help: 'Client connections closed because there were too many',
    registers,
  })
  // A series that begins with its first event hides it from `increase()`.
  for (const route of measured.routes) {
    requests.inc({ route, status: measured.acceptedStatus(route) }, 0)
    requests.inc({ route, status: 503 }, 0)
    seconds.zero({ route })
  }
  return {
    began: () => inFlight.inc(),
    answered: ({ route, status, seconds: took }) => {
      inFlight.dec()
      requests.inc({ route, status })
      seconds.observe({ route }, took)
    },
    malformed: (status) => malformed.inc({ status }),
    connectionDropped: () => dropped.inc(),
    connectionsOpen: (count) => connections.set(count),
  }
}
