import { once } from 'node:events'
import { connect } from 'node:net'
import { addressOf, splitAddress } from '#core/address.ts'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import type { Finding } from '#core/finding.ts'
import { failed, ok, skipped, skippedAll, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { ingester, remark, setting, shell, shellWord } from '#core/fix.ts'
import { isLoopback } from '#core/loopback.ts'
import { programName } from '#runtime/program-name.ts'
import { creationLine, topicCreationLine } from '../admin.ts'
import type { PubsubClients } from '../client.ts'
import { connectPubsub, grpcStatus, statusOf } from '../client.ts'
import { nameWithin, partsOf, subscriptionName, topicName } from '../resource-names.ts'
import type { Subscription } from '../subscription-topic.ts'
import { deletedTopic } from '../subscription-topic.ts'
import type { SubscriptionPlace } from './subscription-findings.ts'
import { retentionMs, subscriptionFindings, subscriptionNames } from './subscription-findings.ts'

const reachable = 'pubsub'
const others = ['topic', 'subscription', ...subscriptionNames]

/** One question, asked once. */
const callOptions = { timeout: 3000, retry: null }

export interface PubsubFindings {
  readonly findings: readonly Finding[]
  /** How long the subscription keeps what is not acked; undefined where it is not known. */
  readonly retentionMs: number | undefined
}

/** What is wrong with topic and subscription; creates nothing. Never rejects. */
export async function checkPubsub(place: SubscriptionPlace): Promise<PubsubFindings> {
  let clients: PubsubClients
  try {
    clients = await connectPubsub(place)
  } catch (error) {
    const isCredentials = error instanceof ConfigurationError || error instanceof UnreachableError
    const detail = messageOf(error).split('\n', 1)[0] as string
    const fix = isCredentials ? signIn : setting({ 'pubsub.emulatorHost': '' })
    return unreached(failed(reachable, detail, fix), 'Pub/Sub was not reached')
  }
  try {
    return await askFor(clients, place)
  } finally {
    // A frozen server's goodbye is not waited for.
    void clients.close().catch(() => {})
  }
}

const signIn = shell('gcloud auth application-default login')

function unreached(finding: Finding, reason: string): PubsubFindings {
  return { findings: [finding, ...skippedAll(others, reason)], retentionMs: undefined }
}

async function askFor(clients: PubsubClients, place: SubscriptionPlace): Promise<PubsubFindings> {
  const { projectId, subscriptionId } = place
  const startMs = performance.now()
  const subscription = await answered(
    clients.subscriber.getSubscription(
      { subscription: subscriptionName(projectId, subscriptionId) },
      callOptions,
    ),
  )
  if (isFailure(subscription.error))
    return unreached(await unreachedFinding(subscription.error, place), 'Pub/Sub was not reached')
  const found: Subscription | undefined = subscription.value
  const name = topicNameOf(found, place)
  const topic = await answered(clients.publisher.getTopic({ topic: name }, callOptions))
  if (isFailure(topic.error))
    return unreached(await unreachedFinding(topic.error, place), 'Pub/Sub was not reached')
  const where = place.emulatorHost ? `the emulator at ${place.emulatorHost}` : 'Google Cloud'
  const reached = ok(
    reachable,
    `${where}, project ${projectId}, ${(performance.now() - startMs).toFixed()} ms`,
  )
  return {
    findings: [
      reached,
      topicFinding(topic.error, name, place),
      subscriptionFinding(subscription.error, place, topic.error),
      ...(found
        ? subscriptionFindings(found, place)
        : skippedAll(subscriptionNames, 'there is no subscription to look at')),
    ],
    retentionMs: found && retentionMs(found),
  }
}

/** The topic that the subscription is attached to; the configured one where it has none. */
function topicNameOf(found: Subscription | undefined, { projectId, topicId }: SubscriptionPlace): string {
  const own = found?.topic
  return own && own !== deletedTopic ? own : topicName(projectId, topicId)
}

interface Answer<T> {
  readonly value?: T
  readonly error?: Error
}

async function answered<T>(request: Promise<readonly [T, ...unknown[]]>): Promise<Answer<T>> {
  try {
    const [value] = await request
    return { value }
  } catch (error) {
    return { error: error as Error }
  }
}

/** "Not there" and "not yours" are answers. */
function isFailure(error: Error | undefined): error is Error {
  const answers: readonly unknown[] = [grpcStatus.notFound, grpcStatus.permissionDenied]
  return error !== undefined && !answers.includes(statusOf(error))
}

const unauthenticated = 16

async function unreachedFinding(error: Error, { emulatorHost }: SubscriptionPlace): Promise<Finding> {
  const why = messageOf(error)
  if (emulatorHost === undefined) {
    const fix =
      statusOf(error) === unauthenticated ? signIn : shell('curl -sS https://pubsub.googleapis.com/')
    return failed(reachable, `Google Cloud: ${why}`, fix)
  }
  const { host, port } = splitAddress(emulatorHost)
  const silent = `nothing answers at ${emulatorHost}: ${why}`
  if (!isLoopback(host)) {
    const look = 'check that its name resolves here and that it runs; otherwise fix'
    return failed(reachable, silent, remark(look, 'pubsub.emulatorHost'))
  }
  const isSilent = statusOf(error) === grpcStatus.deadlineExceeded
  if (!isSilent && !(await listens(host, port))) return failed(reachable, silent, emulatorAt(host, port))
  const other = `what listens at ${emulatorHost} is not a Pub/Sub emulator: ${why}`
  const next = await nextFree(host, port)
  return failed(
    reachable,
    isSilent ? silent : other,
    remark('if an emulator runs elsewhere, fix', 'pubsub.emulatorHost'),
    emulatorAt(host, next),
    setting({ 'pubsub.emulatorHost': addressOf(host, next) }),
  )
}

async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function nextFree(host: string, taken: number): Promise<number> {
  let port = taken + 1
  while (port < taken + 20 && port < 65_535 && (await listens(host, port))) port += 1
  return port
}

function emulatorAt(host: string, port: number): Fix {
  const address = host === '127.0.0.1' || host === 'localhost' ? '' : ` --host ${shellWord(host)}`
  return shell(`${programName} emulator --port ${port}${address} &`)
}

function topicFinding(
  error: Error | undefined,
  topic: string,
  { projectId, emulatorHost }: SubscriptionPlace,
): Finding {
  const name = 'topic'
  const shown = nameWithin(projectId, topic)
  if (error === undefined) return ok(name, shown)
  if (statusOf(error) === grpcStatus.permissionDenied) {
    return skipped(name, 'no permission to read it (a subscriber needs none)')
  }
  if (emulatorHost !== undefined) {
    return warning(name, `${shown} does not exist yet`, ingester('run'))
  }
  const parts = partsOf(topic)
  const detail = `there is no topic ${parts.id} in project ${parts.projectId}`
  return failed(name, detail, shell(topicCreationLine(topic)))
}

function subscriptionFinding(
  error: Error | undefined,
  { projectId, topicId, subscriptionId, emulatorHost }: SubscriptionPlace,
  topicError: Error | undefined,
): Finding {
  const name = 'subscription'
  if (error === undefined) return ok(name, subscriptionId)
  if (statusOf(error) === grpcStatus.permissionDenied) {
    return skipped(
      name,
      'no permission to read it (pubsub.subscriptions.get); run shows whether it can be consumed',
    )
  }
  if (emulatorHost !== undefined) {
    const detail = `${subscriptionId} does not exist yet; messages that are published before it does are not kept`
    return warning(name, detail, ingester('run'))
  }
  const full = subscriptionName(projectId, subscriptionId)
  const parts = partsOf(full)
  const detail = `there is no subscription ${parts.id} in project ${parts.projectId}`
  const first = topicError && statusOf(topicError) === grpcStatus.notFound ? '; the topic comes first' : ''
  return failed(name, `${detail}${first}`, shell(creationLine(full, topicName(projectId, topicId))))
}
