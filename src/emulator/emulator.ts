import { Broker } from './broker/broker.ts'
import type { Clock } from './broker/clock.ts'
import { systemClock } from './broker/clock.ts'
import type { SubscriptionView } from './broker/inspection.ts'
import { viewOf } from './broker/inspection.ts'
import type { Outgoing } from './broker/message.ts'
import { AckIdFaults } from './faults/ack-id-faults.ts'
import { RandomDeliveryFaults } from './faults/delivery-faults.ts'
import { FaultInjector } from './faults/fault-injector.ts'
import { seededRandom } from './faults/random.ts'
import { RpcFaults } from './faults/rpc-faults.ts'
import { AllowedHosts } from './wire/allowed-hosts.ts'
import { FaultRoutes } from './wire/fault-routes.ts'
import { GrpcServer } from './wire/grpc.ts'
import { handlersOf } from './wire/handlers.ts'
import { listen } from './wire/listener.ts'
import { RestServer } from './wire/rest.ts'
import { Rpcs } from './wire/rpcs.ts'
import { StreamingPull } from './wire/streaming-pull.ts'

export type { Clock } from './broker/clock.ts'
export type { MessageView, SubscriptionView } from './broker/inspection.ts'
export type { MessageContent, Outgoing } from './broker/message.ts'
export type { StatusName } from './broker/status.ts'
export type { AckIdFailure, AckIdRpc } from './faults/ack-id-faults.ts'
export type { DeliveryFaultOptions, FaultInjector, PendingAck } from './faults/fault-injector.ts'
export type { Extent } from './faults/rpc-faults.ts'

export interface EmulatorOptions {
  /** Port to listen on; 0 picks a free one. Default: 8085. */
  readonly port?: number
  /** Address to listen on. Default: 127.0.0.1, since there is no authentication. */
  readonly host?: string
  /**
   * Host names and addresses, without ports, whose requests and web pages are served besides those of loopback and of
   * the address it listens on.
   */
  readonly allowHosts?: readonly string[]
  /** Clock of deadlines, backoffs and publish times. Default: the system's. */
  readonly clock?: Clock
  /** Seed of the faults' random numbers. Default: 1. */
  readonly seed?: number
  /** Serve fault injection and inspection over HTTP, too, to anyone who can reach the port. Default: false. */
  readonly faultRoutes?: boolean
  /** Keep acked messages for `inspect`; memory then grows with every message published. Default: false. */
  readonly history?: boolean
}

/** A running Pub/Sub emulator. Clients reach it on the wire; these members are for tests and benchmarks. */
export interface Emulator extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** `host:port`, the value for PUBSUB_EMULATOR_HOST. */
  readonly emulatorHost: string
  readonly faults: FaultInjector
  /** The messages of a subscription, and what became of each. */
  inspect(subscription: string): SubscriptionView
  /** As the RPC, without the wire and its limits: to load a backlog. Returns the message ids. */
  publish(topic: string, messages: readonly Outgoing[]): string[]
  /** Ends all streams with UNAVAILABLE, then stops listening. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts an emulator in this process. Topics, subscriptions and messages are in memory, and end with it.
 *
 * @throws Error with code EADDRINUSE if the port is taken
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { port = 8085, host = '127.0.0.1', clock = systemClock, seed = 1, history = false } = options
  const random = seededRandom(seed)
  const deliveryFaults = new RandomDeliveryFaults(random)
  const rpcFaults = new RpcFaults(random)
  const ackIdFaults = new AckIdFaults(random)
  const broker = new Broker({
    clock,
    faults: deliveryFaults,
    history,
    beforeAck: () => faults.lookBeforeAck,
  })
  const faults = new FaultInjector({ broker, deliveryFaults, rpcFaults, ackIdFaults, random })
  const rpcs = new Rpcs(handlersOf(broker, clock, ackIdFaults), rpcFaults)
  const allowedHosts = new AllowedHosts(host, options.allowHosts)
  const grpc = new GrpcServer(
    rpcs,
    (call) => void new StreamingPull(call, { broker, rpcFaults, deliveryFaults }),
    allowedHosts,
  )
  const inspect = (subscription: string) => viewOf(broker.subscription(subscription))
  const routes = options.faultRoutes ? new FaultRoutes(faults, inspect) : undefined
  const listener = await listen({ host, port }, grpc, new RestServer(rpcs, routes, allowedHosts))

  let closing: Promise<void> | undefined
  const close = async () => {
    rpcs.close()
    broker[Symbol.dispose]()
    await listener.close()
  }
  return {
    host,
    port: listener.port,
    emulatorHost: `${host.includes(':') ? `[${host}]` : host}:${listener.port}`,
    faults,
    inspect,
    publish: (topic, messages) => broker.publish(topic, messages),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}
