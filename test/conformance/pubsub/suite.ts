import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe } from 'vitest'
import { deadLetterTests } from './dead-letters.ts'
import type { PubsubFeatures } from './features.ts'
import type { Kit, OnServer } from './kit.ts'
import { connectKit } from './kit.ts'
import { leaseTests } from './leases.ts'
import { orderingTests } from './ordering.ts'
import { publishTests } from './publish.ts'
import { pullTests } from './pull.ts'
import { restTests } from './rest.ts'
import { retryTests } from './retry-policy.ts'
import { seekTests } from './seek.ts'
import { snapshotAndSchemaTests } from './snapshots-and-schemas.ts'
import { streamingPullTests } from './streaming-pull.ts'
import { streamRequestTests } from './stream-requests.ts'
import { subscriptionTests } from './subscriptions.ts'
import { topicTests } from './topics.ts'

/**
 * What every Pub/Sub server promises on `host:port`, by gRPC and by REST. Codes and texts are those of the official
 * emulator where the service's own are not documented.
 */
export function pubsubConformance(
  name: string,
  start: () => Promise<{ readonly emulatorHost: string } & AsyncDisposable>,
  features: PubsubFeatures,
): void {
  // Leases take their time, so tests run side by side.
  describe(`Pub/Sub server: ${name}`, { concurrent: true, timeout: 120_000 }, () => {
    const resources = new AsyncDisposableStack()
    let kit: Kit | undefined

    beforeAll(async () => {
      const server = resources.use(await start())
      kit = resources.use(await connectKit(server.emulatorHost))
    })
    afterAll(() => resources.disposeAsync())

    const onServer: OnServer = (body) => async () => {
      assert.ok(kit)
      await body(kit)
    }

    // The slowest ones first.
    leaseTests(onServer, features)
    streamingPullTests(onServer, features)
    retryTests(onServer, features)
    deadLetterTests(onServer)
    orderingTests(onServer, features)
    seekTests(onServer, features)
    topicTests(onServer, features)
    subscriptionTests(onServer, features)
    publishTests(onServer, features)
    pullTests(onServer, features)
    streamRequestTests(onServer, features)
    snapshotAndSchemaTests(onServer, features)
    restTests(onServer)
  })
}
