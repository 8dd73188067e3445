import { setTimeout as wait } from 'node:timers/promises'
import type { GatewayConfig } from '#config/config.ts'
import { problemText } from '#connect/explain.ts'
import { brokerName, pubsubHint, reachClients } from '#connect/pubsub.ts'
import { Startup } from '#connect/startup.ts'
import { addressOf } from '#core/address.ts'
import { advice } from '#core/advice.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { Door } from '#core/door.ts'
import { routeOf } from '#core/door.ts'
import type { GatewayObserver } from '#core/gateway-observer.ts'
import type { Logger } from '#core/logger.ts'
import type { PublishOutcome, Publishing } from '#core/publishing.ts'
import type { HttpGateway, HttpGatewayOptions } from '#gateway/http-gateway.ts'
import { startHttpGateway } from '#gateway/http-gateway.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { isPermanent } from '#pubsub/client.ts'
import { PublishQueue } from '#pubsub/publish-queue.ts'
import { topicName } from '#pubsub/resource-names.ts'
import { TopicWatch } from '#pubsub/topic-watch.ts'
import { RedisRateLimits } from '#redis/rate-limits.ts'
import { systemClock } from '#runtime/clock.ts'
import { version } from '#runtime/version.ts'
import type { System } from '#systems/registry.ts'
import type { AdminServer } from '#telemetry/admin-server.ts'
import { startAdminServer } from '#telemetry/admin-server.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import type { Stoppable } from './shutdown.ts'
import { Termination } from './termination.ts'

/** A running gateway. Disposing it shuts it down gracefully. */
export interface Gateway extends Stoppable, AsyncDisposable {
  readonly url: string
  /** Where its metrics are. */
  readonly adminUrl: string
  readonly routes: readonly GatewayRoute[]
}

/** For the startup summary. */
export interface GatewayRoute {
  readonly system: string
  /** `POST /increment`. */
  readonly route: string
  /** Full names. */
  readonly topic: string
  readonly subscription: string
}

/** Time for the answers of a forced shutdown, and for closing connections. */
const abortLimitMs = 2000

interface OpenDoor {
  readonly system: string
  readonly door: Door
  readonly watch: TopicWatch
}

/**
 * Starts the gateway: waits for Pub/Sub, sees to the topics of the doors, and listens.
 *
 * @param systems by their names, at least one
 * @throws ConfigurationError, UnreachableError
 */
export async function startGateway(
  config: GatewayConfig,
  systems: ReadonlyMap<string, System>,
  logger: Logger,
  options: {
    readonly signal?: AbortSignal
    /** For the metric. */
    readonly logLinesDropped?: () => number
  } = {},
): Promise<Gateway> {
  const startup = new Startup(config.startupTimeoutMs, logger, options.signal)
  await using starting = new AsyncDisposableStack()
  const clients = starting.adopt(await reachClients(startup, config.pubsub), (opened) => opened.close())
  const doors = await openDoors(startup, config, systems, clients, logger)
  for (const { watch } of doors) starting.use(watch)
  const watches = new Map(doors.map(({ watch }) => [watch.topic, watch]))
  const withheldBecause = (topic: string) => watches.get(topic)?.notReadyBecause
  const queue = new PublishQueue({ clients, logger, withheldBecause })
  starting.defer(() => queue.close(0))
  const sharedRateLimits = await openRateLimits(config, logger)
  if (sharedRateLimits) starting.use(sharedRateLimits)
  const metrics = createMetrics({ version, logLinesDropped: options.logLinesDropped ?? (() => 0) })
  const requests = new OpenRequests()
  const observer = metrics.observeGateway({
    routes: doors.map(({ door }) => routeOf(door)),
    acceptedStatus: (route) => doors.find(({ door }) => routeOf(door) === route)?.door.accepted.status ?? 200,
    queued: () => queue.queued,
  })
  const termination = new Termination(logger)
  const degraded = () => [queue.failingBecause, sharedRateLimits?.problem].filter((one) => one !== undefined)
  const admin = starting.use(
    await reachAdminAddress(startup, config, doors, { metrics, termination, degraded, logger }),
  )
  const http = await listen(startup, config, {
    doors: doors.map(({ door }) => door),
    topicName: (topicId) => topicName(config.pubsub.projectId, topicId),
    publishing: new WatchedPublishing(queue, doors),
    isReady: () => doors.every(({ watch }) => watch.notReadyBecause === undefined),
    sharedRateLimits,
    observer: requests.counting(observer),
    logger,
  })
  for (const { watch } of doors) watch.start()

  const resources = starting.move()
  const stop = () =>
    termination.once(async () => {
      await http.close(config.shutdownTimeoutMs)
      await resources.disposeAsync()
    })
  return {
    url: http.url,
    adminUrl: admin.url,
    routes: doors.map(({ system, door, watch }) => ({
      system,
      route: routeOf(door),
      topic: watch.topic,
      subscription: watch.subscription,
    })),
    failed: termination.failed,
    get outstanding() {
      return requests.count
    },
    get problems() {
      return [...doors.flatMap(({ watch }) => watch.notReadyBecause ?? []), ...degraded()]
    },
    stop,
    abort: async () => {
      const unanswered = requests.count
      // Each is told what is known of its messages.
      await queue.close(0)
      await Promise.race([stop(), wait(abortLimitMs, undefined, { ref: false })])
      return unanswered
    },
    [Symbol.asyncDispose]: stop,
  }
}

/** Undefined where each gateway counts for itself. A missing Redis does not prevent a start. */
async function openRateLimits(
  { redis, gateway }: GatewayConfig,
  logger: Logger,
): Promise<RedisRateLimits | undefined> {
  if (!redis.enabled || !gateway.rateLimit) return undefined
  const limits = new RedisRateLimits({ redis, logger, clock: systemClock, explain: problemText })
  await limits.firstAttempt()
  return limits
}

/** Requests that have begun and were not answered. */
class OpenRequests {
  count = 0

  counting(observer: GatewayObserver): GatewayObserver {
    return {
      ...observer,
      began: () => {
        this.count += 1
        observer.began?.()
      },
      answered: (request) => {
        this.count -= 1
        observer.answered?.(request)
      },
    }
  }
}

/** Each with its topic, which may be published to with an emulator. */
async function openDoors(
  startup: Startup,
  { pubsub }: GatewayConfig,
  systems: ReadonlyMap<string, System>,
  clients: PubsubClients,
  logger: Logger,
): Promise<readonly OpenDoor[]> {
  const doors: OpenDoor[] = []
  for (const [system, { doors: own }] of systems) {
    for (const given of own) {
      const door = namedByConfig(given, pubsub, systems)
      const watch = new TopicWatch({ clients, names: door, logger })
      await startup.reach(brokerName(pubsub), pubsubHint, () => watch.prepare(), isPermanent)
      doors.push({ system, door, watch })
    }
  }
  return doors
}

/** Whose a topic of the configuration would be is not said where there are several. */
function namedByConfig(
  door: Door,
  { topicId, subscriptionId }: GatewayConfig['pubsub'],
  systems: ReadonlyMap<string, System>,
): Door {
  if (topicId === undefined && subscriptionId === undefined) return door
  const topics = new Set([...systems.values()].flatMap(({ doors }) => doors.map((one) => one.topicId)))
  if (topics.size > 1)
    throw new ConfigurationError(
      'INGESTER_TOPICID and INGESTER_SUBSCRIPTIONID must not be set where the systems have several topics',
      { fixes: [advice`unset them: each door has its own, or name one system with --systems`] },
    )
  return { ...door, topicId: topicId ?? door.topicId, subscriptionId: subscriptionId ?? door.subscriptionId }
}

/** Refuses what its topic would drop. */
class WatchedPublishing implements Publishing {
  readonly #queue: PublishQueue
  readonly #watches: ReadonlyMap<string, TopicWatch>

  constructor(queue: PublishQueue, doors: readonly OpenDoor[]) {
    this.#queue = queue
    this.#watches = new Map(doors.map(({ watch }) => [watch.topic, watch]))
  }

  get queued(): number {
    return this.#queue.queued
  }

  publish(...[topic, messages]: Parameters<Publishing['publish']>): Promise<PublishOutcome> {
    const why = this.#watches.get(topic)?.notReadyBecause
    return why === undefined
      ? this.#queue.publish(topic, messages)
      : Promise.resolve({ outcome: 'not-sent', why })
  }
}

type Listening = Omit<
  HttpGatewayOptions,
  'host' | 'port' | 'version' | 'tokens' | 'rateLimit' | 'trustedProxies' | 'accessLog'
>

function listen(startup: Startup, { gateway }: GatewayConfig, options: Listening): Promise<HttpGateway> {
  return startup.reach(
    `the gateway's address ${addressOf(gateway.host, gateway.port)}`,
    advice`choose another with --port, or INGESTER_GATEWAY_HOST and INGESTER_GATEWAY_PORT (0: any free port)`,
    () => startHttpGateway({ ...gateway, version, ...options }),
    () => true,
  )
}

function reachAdminAddress(
  startup: Startup,
  { http }: GatewayConfig,
  doors: readonly OpenDoor[],
  {
    metrics,
    termination,
    degraded,
    logger,
  }: {
    readonly metrics: Metrics
    readonly termination: Termination
    readonly degraded: () => readonly string[]
    readonly logger: Logger
  },
): Promise<AdminServer> {
  const systems = [...new Set(doors.map(({ system }) => system))]
  const readinessOf = (name: string) => ({
    name,
    notReadyBecause: doors.flatMap(({ system, watch }) =>
      system === name ? (watch.notReadyBecause ?? []) : [],
    ),
    degradedBecause: degraded(),
  })
  return startup.reach(
    `the admin server's address ${addressOf(http.host, http.port)}`,
    advice`choose another with INGESTER_HTTP_HOST and INGESTER_HTTP_PORT (0: any free port)`,
    () =>
      startAdminServer({
        ...http,
        metrics,
        logger,
        readyWhile: 'requests are accepted',
        notReadyBecause: () => termination.reasons,
        pipelines: () => systems.map(readinessOf),
      }),
    () => true,
  )
}
