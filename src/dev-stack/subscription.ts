import type { Config } from '#config/config.ts'
import { builtInPipelines } from '#connect/pipelines.ts'
import { ensureSubscription } from '#pubsub/admin.ts'
import { connectPubsub } from '#pubsub/client.ts'
import type { Stack } from '#stack/stack.ts'

/**
 * Creates topic and subscription of each built-in pipeline on the emulator of a stack that has just started: what is published before the first
 * `run` is kept, and the doctor has nothing to warn of. An emulator that others use is left as it is.
 *
 * @throws gRPC errors
 */
export async function createSubscription(
  { pubsub: broker }: Stack,
  config: Pick<Config, 'pubsub' | 'consumer'>,
): Promise<void> {
  if (broker?.kind === 'given') return
  const { pubsub, consumer } = config
  const clients = await connectPubsub(pubsub)
  await using _ = { [Symbol.asyncDispose]: () => clients.close() }
  for (const { source } of builtInPipelines)
    await ensureSubscription(clients, source, Math.round(consumer.ackDeadlineMs / 1000))
}
