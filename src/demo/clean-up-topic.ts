import type { Config } from '#config/config.ts'
import { explain } from '#connect/explain.ts'
import { deleteBoth } from '#pubsub/admin.ts'
import { connectPubsub } from '#pubsub/client.ts'
import type { Stack } from '#stack/stack.ts'

/** When it is disposed of, a demo's topic and subscription are gone from an emulator that others use. */
export function cleanUpTopic(
  { pubsub }: Stack,
  config: Config,
  report: (line: string) => void,
): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      if (pubsub?.kind !== 'given') return
      try {
        await deleteDemosOwn(config)
      } catch (error) {
        const { topicId, subscriptionId } = config.pubsub
        report(`${topicId} and ${subscriptionId} are left at ${pubsub.emulatorHost}: ${explain(error)}`)
      }
    },
  }
}

async function deleteDemosOwn({ pubsub }: Config): Promise<void> {
  const { topicId, subscriptionId } = pubsub
  if (topicId === undefined || subscriptionId === undefined) throw new Error('the demo names them')
  const clients = await connectPubsub(pubsub)
  await using _ = { [Symbol.asyncDispose]: () => clients.close() }
  await deleteBoth(clients, { topicId, subscriptionId })
}
