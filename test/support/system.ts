import pg from 'pg'
import type { Config } from '#config/config.ts'
import { configOf } from '#config/config.ts'
import { migrate } from '#postgres/migrations.ts'
import { readTable } from '#postgres/read-table.ts'
import { builtInPipelines } from '#connect/pipelines.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { connectPubsub } from '#pubsub/client.ts'
import type { Scan } from '#demo/scans/scan.ts'
import type { Stack, StackOptions } from '#stack/stack.ts'
import { startStack } from '#stack/stack.ts'
import { migrationsDir } from '#runtime/project.ts'

/** PostgreSQL with its tables, Redis, and a Pub/Sub emulator: what an ingester needs around it. */
export interface TestSystem extends AsyncDisposable {
  readonly stack: Stack
  readonly postgres: NonNullable<Stack['postgres']>
  readonly redis: NonNullable<Stack['redis']>
  /** The variables that point `bin/ingester run` at it; a fast flush, a free admin port. */
  readonly env: Readonly<Record<string, string>>
  readonly config: Config
  readonly clients: PubsubClients
  /** A connection of the test's own. */
  readonly sql: pg.Client
  readonly topic: string
  readonly subscription: string
  scans(): Promise<Scan[]>
}

export const projectId = 'test-project'
export const topicId = 'scan-topic'
const subscriptionId = 'scan-sub'
/** The shortest that Pub/Sub has, so that what a dead process held comes back soon. */
const ackDeadlineMs = 10_000

/**
 * Everything on free ports. Topic and subscription exist, so that nothing published is missed.
 *
 * @param extra variables over those of the stack
 * @param options for tests that change the server itself; otherwise the role is the database's owner, as people's is
 */
export async function startSystem(
  extra: Readonly<Record<string, string>> = {},
  { superuser }: Pick<StackOptions, 'superuser'> = {},
): Promise<TestSystem> {
  await using resources = new AsyncDisposableStack()
  const stack = resources.use(await startStack({ superuser, ports: { postgres: 0, pubsub: 0, redis: 0 } }))
  const { postgres, pubsub, redis } = stack
  if (!postgres || !pubsub || !redis) throw new Error('the stack is incomplete')
  const env = {
    PUBSUB_EMULATOR_HOST: pubsub.emulatorHost,
    INGESTER_PROJECTID: projectId,
    INGESTER_ACK_DEADLINE: `${ackDeadlineMs / 1000}s`,
    INGESTER_HTTP_PORT: '0',
    INGESTER_LOG_OUTPUT: 'json',
    INGESTER_POSTGRES_HOST: postgres.host,
    INGESTER_POSTGRES_PORT: String(postgres.port),
    INGESTER_POSTGRES_USER: postgres.user,
    INGESTER_POSTGRES_PASSWORD: postgres.password,
    INGESTER_POSTGRES_DB: postgres.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    INGESTER_REDIS_ADDR: redis.address,
    INGESTER_REDIS_PASSWORD: redis.password ?? '',
    ...extra,
  }
  const { config } = configOf(env)
  await migrate(config.postgres, migrationsDir, 'up')
  const clients = await connectPubsub(config.pubsub)
  resources.defer(() => clients.close())
  const sql = await connectSql(config)
  resources.defer(() => sql.end())
  const topic = `projects/${projectId}/topics/${topicId}`
  await clients.publisher.createTopic({ name: topic })
  const subscription = await createSubscription(clients, topic, subscriptionId)
  const all = resources.move()
  return {
    stack,
    postgres,
    redis,
    env,
    config,
    clients,
    sql,
    topic,
    subscription,
    scans: () => readScans(config),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** With a dead-letter policy, since without one the broker does not count attempts. */
export async function createSubscription(
  { subscriber, publisher }: PubsubClients,
  topic: string,
  id: string,
): Promise<string> {
  const name = `projects/${projectId}/subscriptions/${id}`
  const deadLetterTopic = `projects/${projectId}/topics/${id}-dead`
  await publisher.createTopic({ name: deadLetterTopic })
  const deadLetterPolicy = { deadLetterTopic, maxDeliveryAttempts: 100 }
  await subscriber.createSubscription({
    name,
    topic,
    ackDeadlineSeconds: ackDeadlineMs / 1000,
    deadLetterPolicy,
  })
  return name
}

export async function connectSql({ postgres }: Config): Promise<pg.Client> {
  const { host, port, user, password, database } = postgres
  const client = new pg.Client({ host, port, user, password, database })
  // A server that is killed on purpose breaks its connections.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function readScans({ postgres }: Config): Promise<Scan[]> {
  const [scans] = builtInPipelines
  if (!scans) throw new Error('there is no pipeline')
  const rows = await readTable(postgres, scans.sink)
  return rows.map(([ip, port, service, response, lastSeen]) => ({
    ip: String(ip),
    port: Number(port),
    service: String(service),
    response: String(response),
    timestamp: Number(lastSeen),
  }))
}

/** Asks until the answer is right; the limit is for a test that would otherwise hang. */
export async function until<T>(
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  limitMs = 60_000,
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (isRight(answer)) return answer
    if (performance.now() > end)
      throw new Error(`not within ${limitMs} ms; the last answer was ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** A metric's value, by its name and labels as Prometheus text has them; 0 where it is not there yet. */
export async function metric(adminUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(name))
  return line ? Number(line.slice(line.lastIndexOf(' ') + 1)) : 0
}
