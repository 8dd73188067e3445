import { PubSub, v1 } from '@google-cloud/pubsub'
import { bracketed, splitAddress } from '#core/address.ts'
import { UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { findCredentials, setEnvironment } from './credentials.ts'

export interface PubsubOptions {
  readonly projectId: string
  /** `host:port` of an emulator; undefined: Google's own service with the environment's credentials. */
  readonly emulatorHost: string | undefined
}

/** What is used of gRPC's channel. https://grpc.github.io/grpc/core/md_doc_connectivity-semantics-and-api.html */
interface Channel {
  getConnectivityState(tryToConnect: boolean): number
  /** Calls back when the state is another, or with an error at the deadline. */
  watchConnectivityState(current: number, deadline: Date, callback: (error?: Error) => void): void
}
const idle = 0
const connecting = 1
const ready = 2

type GeneratedClientOptions = ConstructorParameters<typeof v1.SubscriberClient>[0]

/** The generated clients: one gRPC channel each, closed together. */
export interface PubsubClients {
  readonly projectId: string
  readonly isEmulator: boolean
  readonly subscriber: v1.SubscriberClient
  readonly publisher: v1.PublisherClient
  /** Whether the subscriber's channel is connected now. */
  readonly isConnected: () => boolean
  /**
   * Undefined unless the publisher's channel is connecting, so that a call would wait for it; else resolves when it has
   * connected or failed, or after this time.
   */
  readonly publisherConnecting: (limitMs: number) => Promise<void> | undefined
  close(): Promise<void>
}

/**
 * Left to itself a gRPC channel waits ever longer between its attempts to connect, up to two minutes, and fails all
 * calls meanwhile (measured: 30 s without deliveries after an outage of 45 s). When to try again is ours to say.
 */
const reconnect = { 'grpc.max_reconnect_backoff_ms': 2000 }

/**
 * A connection that a firewall dropped is noticed within 50 s; the library's own 5 minutes and 20 s left it dead for so
 * long. Google's service takes a ping every 30 s (google-cloud-python sends one); the official emulator closes a quiet
 * connection at the third within 90 s (seen with 30 s), before a silent stream is replaced, which makes up for them.
 */
const keepalive = { 'grpc.keepalive_time_ms': 40_000, 'grpc.keepalive_timeout_ms': 10_000 }

/** gRPC would dial an emulator through the proxy of `grpc_proxy`, `https_proxy` or `http_proxy`, even on loopback. */
const withoutProxy = { 'grpc.enable_http_proxy': 0 }

/** The library itself splits an address at its first colon, which is wrong for IPv6. */
function endpointOf(emulatorHost: string) {
  const { host, port } = splitAddress(emulatorHost)
  return { servicePath: bracketed(host), port }
}

/**
 * The `v1` clients with the options that `PubSub` works out: endpoint, credentials, keepalive. Built bare they ignore
 * an emulator and never notice a dead connection. The high-level `Subscription` is not used: it costs 13–17 CPU-seconds
 * per million messages where a generated stream with bulk acks costs 2.7, and it owns leases and acks that must be ours.
 *
 * @throws ConfigurationError without credentials for Google's service; UnreachableError where they may come yet
 */
export async function connectPubsub(options: PubsubOptions): Promise<PubsubClients> {
  const { projectId, emulatorHost } = options
  const config = await (emulatorHost ? emulatorConfig(projectId, emulatorHost) : serviceConfig(projectId))
  const subscriber = new v1.SubscriberClient(config)
  const publisher = new v1.PublisherClient(config)
  const close = async () => {
    await Promise.all([subscriber.close(), publisher.close()])
  }
  try {
    // They cache a failure permanently; a retry creates new clients.
    const [subscribing, publishing] = await Promise.all([subscriber.initialize(), publisher.initialize()])
    const isEmulator = emulatorHost !== undefined
    const isConnected = () => channelOf(subscribing).getConnectivityState(false) === ready
    const publisherConnecting = (limitMs: number) => settledConnection(channelOf(publishing), limitMs)
    return { projectId, isEmulator, subscriber, publisher, isConnected, publisherConnecting, close }
  } catch (error) {
    void close().catch(() => {})
    throw new UnreachableError(messageOf(error), { cause: error })
  }
}

function channelOf(stub: unknown): Channel {
  return (stub as { getChannel: () => Channel }).getChannel()
}

function settledConnection(channel: Channel, limitMs: number): Promise<void> | undefined {
  const state = channel.getConnectivityState(true)
  if (state !== idle && state !== connecting) return undefined
  return new Promise((resolve) => {
    const deadline = new Date(Date.now() + limitMs)
    channel.watchConnectivityState(state, deadline, () => resolve())
  })
}

/** The library's own types disagree about `port`; it hands this very object to these very constructors. */
async function emulatorConfig(projectId: string, emulatorHost: string): Promise<GeneratedClientOptions> {
  // With an emulator there is no metadata server; looking for one would go out to the network.
  setEnvironment('METADATA_SERVER_DETECTION', 'none')
  const emulator = { apiEndpoint: emulatorHost, emulatorMode: true, ...withoutProxy }
  const pubsub = new PubSub({ projectId, ...emulator, ...reconnect, ...keepalive })
  return { ...(await pubsub.getClientConfig()), ...endpointOf(emulatorHost) }
}

async function serviceConfig(projectId: string): Promise<GeneratedClientOptions> {
  await findCredentials(() => new PubSub({ projectId }).auth)
  const pubsub = new PubSub({ projectId, ...reconnect, ...keepalive })
  return (await pubsub.getClientConfig()) as GeneratedClientOptions
}

/** Unary calls are tried once, with a limit: the retries are ours, since only we know how long one makes sense. */
export const noRetry = { timeout: 10_000, retry: null }

/** gRPC status codes by what they mean to us. */
export const grpcStatus = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unauthenticated: 16,
} as const

export function statusOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'number' ? code : undefined
}

/** Retries do not fix these; an operator has to. */
export function isPermanent(error: unknown): boolean {
  const status = statusOf(error)
  return status === grpcStatus.notFound || status === grpcStatus.permissionDenied
}
