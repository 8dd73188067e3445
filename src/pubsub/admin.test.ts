import assert from 'node:assert/strict'
import { test } from 'vitest'
import { ConfigurationError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import { ensureSubscription } from './admin.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus } from './client.ts'

const names = { topicId: 'scans', subscriptionId: 'scans-sub' }
const fullName = 'projects/shop/subscriptions/scans-sub'

/** Google's service as one call sees it; creating anything there fails the test. */
function service(code?: number, wanted = names) {
  const asked: unknown[] = []
  const getSubscription = async (request: unknown) => {
    asked.push(request)
    if (code !== undefined) throw Object.assign(new Error(`status ${code}`), { code })
    return [{ topic: 'projects/elsewhere/topics/t' }]
  }
  const clients = { projectId: 'shop', isEmulator: false, subscriber: { getSubscription }, publisher: {} }
  return { asked, ensure: () => ensureSubscription(clients as unknown as PubsubClients, wanted, 10) }
}

test('an existing subscription is used, and nothing is created', async () => {
  const { asked, ensure } = service()
  assert.deepEqual(await ensure(), { name: fullName, settings: { topic: 'projects/elsewhere/topics/t' } })
  assert.deepEqual(asked, [{ subscription: fullName }])
})

test('a missing subscription: the error has the command that creates it', async () => {
  await assert.rejects(service(grpcStatus.notFound).ensure(), (error) => {
    assert.ok(error instanceof ConfigurationError)
    assert.match(
      explain(error),
      /^ {2}gcloud pubsub subscriptions create scans-sub --topic=scans --project=shop$/m,
    )
    return true
  })
})

test('of another project: it is looked for there, and the command is right there', async () => {
  const elsewhere = { topicId: 'projects/mill/topics/scans', subscriptionId: 'projects/mill/subscriptions/s' }
  const { asked, ensure } = service(grpcStatus.notFound, elsewhere)
  const lineOf = async (ensuring: Promise<unknown>) => {
    const error = await ensuring.catch((reason: unknown) => reason)
    assert.ok(error instanceof ConfigurationError)
    const [, line] = /^ {2}(gcloud .*)$/m.exec(explain(error)) ?? []
    return [error.message.split('\n')[0], line]
  }
  assert.deepEqual(await lineOf(ensure()), [
    'there is no subscription s in project mill',
    'gcloud pubsub subscriptions create s --topic=scans --project=mill',
  ])
  assert.deepEqual(asked, [{ subscription: elsewhere.subscriptionId }])
  const ownTopic = service(grpcStatus.notFound, { ...elsewhere, topicId: 'scans' })
  assert.deepEqual(await lineOf(ownTopic.ensure()), [
    'there is no subscription s in project mill',
    'gcloud pubsub subscriptions create s --topic=projects/shop/topics/scans --project=mill',
  ])
})

test('without permission to look at the subscription, it is assumed to exist', async () => {
  const found = await service(grpcStatus.permissionDenied).ensure()
  assert.deepEqual(found, { name: fullName, settings: undefined })
})

test('any other failure is thrown unchanged', async () => {
  await assert.rejects(service(14).ensure(), (error) => {
    assert.ok(!(error instanceof ConfigurationError))
    assert.match(String(error), /status 14/)
    return true
  })
})
