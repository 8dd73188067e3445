import type { Config } from '#config/config.ts'
import { pipelineNamed } from '#connect/pipelines.ts'
import { ensureSubscription } from '#pubsub/admin.ts'
import { connectPubsub } from '#pubsub/client.ts'
import type { Stack } from '#stack/stack.ts'

/**
 * Creates topic and subscription on the emulator of a stack that has just started: what is published before the first
 * `run` is kept, and the doctor has nothing to warn of. An emulator that others use is left as it is.
 *
 * @throws gRPC errors
 */
export async function createSubscription(
  { pubsub: broker }: Stack,
  config: Pick<Config, 'pipeline' | 'pubsub' | 'consumer'>,
): Promise<void> {
  if (broker?.kind === 'given') return
  const { pubsub, consumer } = config
  const { source } = pipelineNamed(config.pipeline)
  const names = {
    topicId: pubsub.topicId ?? source.topicId,
    subscriptionId: pubsub.subscriptionId ?? source.subscriptionId,
  }
  const clients = await connectPubsub(pubsub)
  await using _ = { [Symbol.asyncDispose]: () => clients.close() }
  await ensureSubscription(clients, names, Math.round(consumer.ackDeadlineMs / 1000))
}
