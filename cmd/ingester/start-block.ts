import type { DemoOptions, RunningDemo } from '#demo/run.ts'
import type { RunningGateway } from '#app/serve-gateway.ts'
import type { RunningService } from '#app/serve.ts'
import { writeDuration, writeRateLimit } from '#config/values.ts'
import { version } from '#runtime/version.ts'

/** The startup summary: one aligned block; everything in it can be pasted. */

type Fact = readonly [name: string, what: string]

interface Summary extends Omit<RunningService, 'ingester'> {
  readonly ingester: Pick<RunningService['ingester'], 'adminUrl' | 'pipelines'>
}

export function runBlock({ config, ingester, psql, startSeconds }: Summary): string[] {
  const { engine, consumer, pubsub, shutdownTimeoutMs } = config
  const intervals = new Set(ingester.pipelines.map(({ flushIntervalMs }) => flushIntervalMs))
  const every = [...intervals]
    .map((ms) => (ms === 0 ? 'as soon as one is free' : `every ${writeDuration(ms)}`))
    .join(' or ')
  return block(startSeconds, [
    ...ingester.pipelines.map(
      ({ name, subscription, table }): Fact => [
        'pipeline',
        `${name}: ${subscription} → ${table}, dead_letters`,
      ],
    ),
    ...(pubsub.emulatorHost ? [['emulator', `PUBSUB_EMULATOR_HOST=${pubsub.emulatorHost}`] as const] : []),
    ['PostgreSQL', psql],
    ['cache', ingester.pipelines[0]?.cache ?? ''],
    [
      'workers',
      `${engine.workers}${ingester.pipelines.length > 1 ? ' each' : ''}; batches of ${count(engine.maxBatchRecords)} records, ${every}`,
    ],
    [
      'in flight',
      `at most ${count(consumer.maxOutstandingMessages)} messages, ${mebibytes(consumer.maxOutstandingBytes)}`,
    ],
    ['lease', `${writeDuration(consumer.ackDeadlineMs)}, renewed for as long as a message is in flight`],
    ['admin', adminAddresses(ingester.adminUrl)],
    ['Ctrl-C', `drains in-flight messages for up to ${writeDuration(shutdownTimeoutMs)}; again: forces exit`],
  ])
}

export function gatewayBlock({ config, gateway, startSeconds }: RunningGateway): string[] {
  const { pubsub, gateway: own, redis, shutdownTimeoutMs } = config
  const url = onThisMachine(gateway.url)
  return block(startSeconds, [
    ...gateway.routes.map(({ system, route, topic }): Fact => [system, `${route} → ${topic}`]),
    ['gateway', `${url}, ${url}/docs, ${url}/openapi.json`],
    ...(pubsub.emulatorHost ? [['emulator', `PUBSUB_EMULATOR_HOST=${pubsub.emulatorHost}`] as const] : []),
    ['tokens', own.tokens ? 'a request needs one' : 'none: requests from anyone are accepted'],
    [
      'rate limit',
      own.rateLimit
        ? `${writeRateLimit(own.rateLimit)} a client address, counted ${redis.enabled ? `in Redis at ${redis.host}:${redis.port}` : 'by this process'}`
        : 'none',
    ],
    ['admin', adminAddresses(gateway.adminUrl)],
    ['Ctrl-C', `finishes open requests for up to ${writeDuration(shutdownTimeoutMs)}; again: forces exit`],
  ])
}

export function demoBlock(running: RunningDemo, { forMs }: Pick<DemoOptions, 'forMs'>): string[] {
  const { config, psql, pipeline, ingesters, adminUrls, facts, startSeconds } = running
  const { pubsub, engine } = config
  return block(startSeconds, [
    [
      'pipeline',
      `${pipeline.name}: ${pubsub.topicId} → ${pubsub.subscriptionId} → ${pipeline.table}, dead_letters`,
    ],
    ...facts,
    [
      'ingesters',
      [
        `${ingesters.length + adminUrls.length}, with ${engine.workers} workers each`,
        ...(adminUrls.length > 0 ? [`${adminUrls.length} in a process of its own`] : []),
      ].join('; '),
    ],
    ['emulator', `PUBSUB_EMULATOR_HOST=${pubsub.emulatorHost}`],
    ['PostgreSQL', psql],
    ['cache', cacheOf(running)],
    ...[...ingesters.map((one) => one.adminUrl), ...adminUrls].map(
      (url): Fact => ['admin', adminAddresses(url)],
    ),
    forMs === undefined
      ? ['Ctrl-C', 'stops everything']
      : ['ends', `after ${writeDuration(forMs)} of publishing and a check of the table`],
  ])
}

function block(startSeconds: number, facts: readonly Fact[]): string[] {
  const lines = facts.map(([name, what]) => `  ${name.padEnd(12)}  ${what}`)
  return ['', `ingester ${version}, ready after ${startSeconds} s`, ...lines, '']
}

function cacheOf({ stack, ingesters }: RunningDemo): string {
  const missing = stack.missing.map(({ why, fix }) => `none: ${why} (${fix})`)
  return missing[0] ?? ingesters[0]?.pipelines[0]?.cache ?? ''
}

/** A server that listens on all addresses is not at that one for a browser. */
function onThisMachine(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
}

function adminAddresses(adminUrl: string): string {
  const url = onThisMachine(adminUrl)
  return `${url}/metrics, ${url}/readyz`
}

const count = (n: number) => n.toLocaleString('en')
const mebibytes = (bytes: number) => `${count(Math.round(bytes / 2 ** 20))} MiB`
