import { createReadStream, statSync } from 'node:fs'
import type { CommandLine } from '#config/config.ts'
import { loadTrialConfig } from '#config/config.ts'
import { bindOver } from '#connect/bind.ts'
import { isUnbound } from '#core/pipeline.ts'
import { brokerName, pubsubHint, reachClients } from '#connect/pubsub.ts'
import { Startup } from '#connect/startup.ts'
import type { Advice } from '#core/advice.ts'
import { advice, command } from '#core/advice.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { Delivery } from '#core/delivery.ts'
import { messageOf } from '#core/error-message.ts'
import { shellWord } from '#core/fix.ts'
import { noLogger } from '#core/logger.ts'
import type { DecodeLimits, Pipeline } from '#core/pipeline.ts'
import { isPermanent } from '#pubsub/client.ts'
import { pullSamples } from '#pubsub/pull-samples.ts'
import { creationLine } from '#pubsub/admin.ts'
import { subscriptionName, topicName } from '#pubsub/resource-names.ts'
import { readDefinition } from './definition.ts'
import { linesOf } from './message-lines.ts'
import type { Outcome } from './outcome.ts'
import { outcomeOf } from './outcome.ts'
import { messageOfData, messageOfEnvelope } from './sample-message.ts'

export interface Trial {
  /** As it was named. */
  readonly file: string
  readonly pipeline: Pipeline
  readonly limits: DecodeLimits
}

/**
 * A definition that messages can be tried on. Of a module PostgreSQL is not asked.
 *
 * @throws ConfigurationError with all that is wrong with it; UnreachableError
 */
export async function openTrial(file: string, options: CommandLine): Promise<Trial> {
  const { pipeline } = await readDefinition(file)
  if (!isUnbound(pipeline)) return { file, pipeline, ...loadTrialConfig(options, []) }
  const { limits, postgres } = loadTrialConfig(options, ['postgres'])
  return { file, pipeline: await bindOver(postgres, pipeline), limits }
}

export interface InputOptions {
  /** Whether a line says more of its message than the data. */
  readonly envelope: boolean
  /** At most so many messages. */
  readonly limit: number
  readonly nowMs: number
}

export type Tried = Outcome | { readonly line: number; readonly why: string }

/** What becomes of the messages of an input, as they are read. */
export async function* tryLines(
  { pipeline, limits }: Trial,
  input: AsyncIterable<Uint8Array | string>,
  { envelope, limit, nowMs }: InputOptions,
): AsyncGenerator<Tried> {
  const subscription = subscriptionName(sampleProject, pipeline.source.subscriptionId)
  const read = envelope ? messageOfEnvelope : messageOfData
  let count = 0
  for await (const line of linesOf(input)) {
    const message = read(line, { subscription, publishTimeMs: nowMs })
    if ('why' in message) yield { line: line.number, why: message.why }
    else {
      yield outcomeOf(pipeline, message, line.number, limits)
      if (++count >= limit) return
    }
  }
}

/** Messages of a file come from none. */
const sampleProject = 'sample'

/** @throws ConfigurationError where it cannot be read */
export function openInput(path: string): AsyncIterable<Uint8Array> {
  try {
    if (statSync(path).isDirectory()) throw new Error('it is a folder')
  } catch (error) {
    throw unreadable(path, error)
  }
  return reading(path)
}

async function* reading(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): ConfigurationError {
  const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
  const what = isAbsent ? `there is no such file in ${process.cwd()}` : messageOf(error)
  return new ConfigurationError(`--input ${path}: ${what}`, {
    fixes: [advice`name a file with one JSON message a line, or - for standard input`],
    cause: error,
  })
}

export interface PullOptions {
  readonly count: number
  /** Undefined: the pipeline's own. */
  readonly subscription: string | undefined
  readonly signal: AbortSignal
  readonly warn: (message: string) => void
}

/** How long the first message may take. */
const waitMs = 5000

/**
 * What becomes of messages that are in the subscription now; they are given back before this resolves.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function tryPulled(
  { file, pipeline, limits }: Trial,
  options: CommandLine,
  { subscription: wanted, ...sampling }: PullOptions,
): Promise<readonly Outcome[]> {
  const { pubsub, startupTimeoutMs } = loadTrialConfig(options, ['pubsub', 'startupTimeoutMs'])
  const startup = new Startup(startupTimeoutMs, noLogger, sampling.signal)
  const clients = await reachClients(startup, pubsub)
  await using _ = { [Symbol.asyncDispose]: () => clients.close() }
  const id = wanted ?? pubsub.subscriptionId ?? pipeline.source.subscriptionId
  const subscription = subscriptionName(pubsub.projectId, id)
  const topic = topicName(pubsub.projectId, pubsub.topicId ?? pipeline.source.topicId)
  const isOwn = wanted === undefined || wanted === pipeline.source.subscriptionId
  const absenceAdvice = isOwn
    ? creationAdvice(subscription, topic, { file, hasEmulator: pubsub.emulatorHost !== undefined })
    : advice`check --subscription: that of the pipeline is ${pipeline.source.subscriptionId}`
  const messages: readonly Delivery[] = await startup.reach(
    brokerName(pubsub),
    pubsubHint,
    () => pullSamples(clients, { subscription, waitMs, absenceAdvice, ...sampling }),
    isPermanent,
  )
  return messages.map((message, at) => outcomeOf(pipeline, message, at + 1, limits))
}

/** As the doctor has it. */
function creationAdvice(
  subscription: string,
  topic: string,
  { file, hasEmulator }: { readonly file: string; readonly hasEmulator: boolean },
): Advice {
  return hasEmulator
    ? advice`at an emulator it is created by: ${command(`run --pipeline ${shellWord(file)}`)}`
    : advice`create it: ${creationLine(subscription, topic)}`
}
