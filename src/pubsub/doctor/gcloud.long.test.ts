// The gcloud commands that the doctor prints, run by Google's own command line, which takes seconds for each.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import type { Finding } from '#core/finding.ts'
import { startEmulator } from '#emulator/emulator.ts'
import { findCommand } from '#stack/commands.ts'
import { pasteShell, printed } from '../../../test/support/paste.ts'
import { skippedFor } from '../../../test/support/skip.ts'
import { ensureSubscription } from '../admin.ts'
import { connectPubsub } from '../client.ts'
import { checkPubsub } from './checks.ts'
import { partsOf, subscriptionName, topicName } from '../resource-names.ts'
import type { SubscriptionPlace } from './subscription-findings.ts'
import { subscriptionFindings } from './subscription-findings.ts'

const emulator = await startEmulator({ port: 0 })
afterAll(() => emulator.close())
const place: SubscriptionPlace = {
  projectId: 'test-project',
  topicId: 't-gcloud',
  topicIsSet: true,
  subscriptionId: 's-gcloud',
  emulatorHost: emulator.emulatorHost,
  ackDeadlineMs: 30_000,
}
const elsewhere: SubscriptionPlace = {
  ...place,
  topicId: 'projects/other-project/topics/t-elsewhere',
  topicIsSet: false,
  subscriptionId: 'projects/other-project/subscriptions/s-elsewhere',
}
const clients = await connectPubsub({ projectId: place.projectId, emulatorHost: emulator.emulatorHost })
afterAll(() => clients.close())

function named(findings: readonly Finding[], name: string): Finding {
  const found = findings.find((one) => one.name === name)
  assert.ok(found, name)
  return found
}

const gcloud = await findCommand('gcloud')
const skip = gcloud === undefined && 'gcloud is not installed; it comes with the official emulator'

for (const one of [place, elsewhere]) {
  test(
    `gcloud accepts the commands that the doctor prints, and they fix what was found: ${one.subscriptionId}`,
    skippedFor(skip),
    async () => {
      const subscription = subscriptionName(one.projectId, one.subscriptionId)
      const topic = topicName(one.projectId, one.topicId)
      const folder = await mkdtemp(join(tmpdir(), 'gcloud-'))
      const env = {
        CLOUDSDK_CONFIG: folder,
        CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB: `http://${emulator.emulatorHost}/`,
        CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true',
        CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: 'true',
        CLOUDSDK_CORE_DISABLE_PROMPTS: 'true',
        CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: 'true',
      }
      const paste = async (found: Finding) => {
        const { code, stderr } = await pasteShell(printed(found), env)
        assert.equal(code, 0, `${printed(found)}\n${stderr}`)
      }
      await ensureSubscription(clients, one, 10)
      const told = async (name: string, changes: object = {}) => {
        const [settings] = await clients.subscriber.getSubscription({ subscription })
        const atGoogle = { ...one, emulatorHost: undefined }
        return named(subscriptionFindings({ ...settings, ...changes }, atGoogle), name)
      }

      const deadLetterPolicy = { deadLetterTopic: topic, maxDeliveryAttempts: 5 }
      await clients.subscriber.updateSubscription({
        subscription: { name: subscription, deadLetterPolicy },
        updateMask: { paths: ['dead_letter_policy'] },
      })
      await paste(await told('subscription dead letters'))
      assert.equal((await told('subscription dead letters')).status, 'ok')

      await paste(
        await told('subscription delivery', { pushConfig: { pushEndpoint: 'https://example.com' } }),
      )
      await paste(await told('subscription delivery', { bigqueryConfig: { table: 'a.b.c' } }))
      const own = { ...one, subscriptionId: `${partsOf(subscription).id}-ingester` }
      assert.equal(named((await checkPubsub(own)).findings, 'subscription').status, 'ok')

      await clients.publisher.detachSubscription({ subscription })
      await paste(await told('subscription delivery'))
      assert.equal((await told('subscription delivery')).status, 'ok')
      await clients.publisher.deleteTopic({ topic })
      await paste(await told('subscription topic'))
      assert.equal((await told('subscription topic')).status, 'ok')
      await rm(folder, { recursive: true })
    },
  )
}
