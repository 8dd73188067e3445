import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import type { Finding } from '#core/finding.ts'
import { startEmulator } from '#emulator/emulator.ts'
import { onFreePort } from '#stack/ports.ts'
import { pasteShell, printed } from '../../../test/support/paste.ts'
import { until } from '../../../test/support/system.ts'
import { TcpProxy } from '../../../test/support/tcp-proxy.ts'
import { ensureSubscription, ensureTopic } from '../admin.ts'
import { connectPubsub } from '../client.ts'
import { checkPubsub } from './checks.ts'
import { subscriptionName, topicName } from '../resource-names.ts'
import type { SubscriptionPlace } from './subscription-findings.ts'
import { subscriptionFindings } from './subscription-findings.ts'

const emulator = await startEmulator({ port: 0 })
afterAll(() => emulator.close())
const clients = await connectPubsub({ projectId: 'test-project', emulatorHost: emulator.emulatorHost })
afterAll(() => clients.close())

const freshPlace = (): SubscriptionPlace => ({
  projectId: 'test-project',
  topicId: `t-${randomUUID()}`,
  topicIsSet: true,
  subscriptionId: `s-${randomUUID()}`,
  emulatorHost: emulator.emulatorHost,
  ackDeadlineMs: 30_000,
})

/** Both of another project than the configured one. */
function foreignPlace(): SubscriptionPlace {
  const { topicId, subscriptionId, ...place } = freshPlace()
  return {
    ...place,
    topicId: `projects/mill/topics/${topicId}`,
    topicIsSet: false,
    subscriptionId: `projects/mill/subscriptions/${subscriptionId}`,
  }
}

const subscriptionOf = ({ projectId, subscriptionId }: SubscriptionPlace) =>
  subscriptionName(projectId, subscriptionId)
const topicOf = ({ projectId, topicId }: SubscriptionPlace) => topicName(projectId, topicId)

async function readyPlace(place = freshPlace()): Promise<SubscriptionPlace> {
  await ensureSubscription(clients, place, 10)
  return place
}

function named(findings: readonly Finding[], name: string): Finding {
  const found = findings.find((one) => one.name === name)
  assert.ok(found, name)
  return found
}

const finding = async (place: SubscriptionPlace, name: string) =>
  named((await checkPubsub(place)).findings, name)

test('a correct subscription: nothing is reported, and nothing is created', async () => {
  const place = await readyPlace()
  const { findings, retentionMs } = await checkPubsub(place)
  assert.deepEqual(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  )
  assert.equal(retentionMs, 7 * 86_400_000)
  assert.match(named(findings, 'subscription ack deadline').detail, /^10 s; the ingester asks for 30 s/)
})

test('missing, on an emulator: run creates them, the doctor does not', async () => {
  const place = freshPlace()
  for (let i = 0; i < 2; i++) {
    const { findings, retentionMs } = await checkPubsub(place)
    assert.equal(retentionMs, undefined)
    for (const name of ['topic', 'subscription']) {
      const found = named(findings, name)
      assert.equal(found.status, 'warning')
      assert.equal(printed(found), 'bin/ingester run')
    }
    assert.equal(named(findings, 'subscription topic').status, 'skipped')
  }
  await ensureSubscription(clients, place, 10)
  assert.equal((await finding(place, 'subscription')).status, 'ok')
})

const places = { 'of the configured project': freshPlace, 'of another project': foreignPlace }
for (const [where, newPlace] of Object.entries(places)) {
  describe(`on an emulator: found, and green after the fix: ${where}`, () => {
    async function fixed(place: SubscriptionPlace, name: string, status: Finding['status'], detail: RegExp) {
      const found = await finding(place, name)
      assert.equal(found.status, status)
      assert.match(found.detail, detail)
      const { code, stdout, stderr } = await pasteShell(printed(found))
      assert.equal(code, 0, stderr)
      assert.doesNotMatch(stdout, /"error"/)
      const { findings } = await checkPubsub(place)
      assert.deepEqual(
        findings.filter((one) => one.status !== 'ok'),
        [],
      )
    }

    test('a dead-letter policy without a retry policy', async () => {
      const place = newPlace()
      const topic = await ensureTopic(clients, place.topicId)
      const deadLetterPolicy = { deadLetterTopic: topic, maxDeliveryAttempts: 5 }
      await clients.subscriber.createSubscription({ name: subscriptionOf(place), topic, deadLetterPolicy })
      await fixed(place, 'subscription dead letters', 'warning', /after 5 attempts to t-.*without a retry/)
    })

    test('detached', async () => {
      const place = await readyPlace(newPlace())
      await clients.publisher.detachSubscription({ subscription: subscriptionOf(place) })
      await fixed(place, 'subscription delivery', 'failed', /detached/)
    })

    test('its topic was deleted', async () => {
      const place = await readyPlace(newPlace())
      await clients.publisher.deleteTopic({ topic: topicOf(place) })
      await fixed(place, 'subscription topic', 'failed', /its topic was deleted/)
    })
  })
}

test('of another topic than configured: the variable is corrected', async () => {
  const place = await readyPlace()
  const { topicId } = await readyPlace()
  const found = await finding({ ...place, topicId }, 'subscription topic')
  assert.equal(found.status, 'warning')
  assert.equal(printed(found), `export INGESTER_TOPICID=${place.topicId}`)
})

test('on a topic in another project: it is checked there, and only a variable that is set is wrong', async () => {
  const place = freshPlace()
  const topic = `projects/another-project/topics/${place.topicId}`
  await clients.publisher.createTopic({ name: topic })
  await clients.subscriber.createSubscription({ name: subscriptionOf(place), topic })
  const set = await checkPubsub(place)
  assert.deepEqual(
    set.findings.filter(({ status }) => status !== 'ok').map(({ name }) => name),
    ['subscription topic'],
  )
  assert.equal(named(set.findings, 'topic').detail, topic)
  const unset = await checkPubsub({ ...place, topicIsSet: false })
  assert.ok(unset.findings.every(({ status }) => status === 'ok'))
})

test('checks without permission are skipped', async () => {
  const place = await readyPlace()
  emulator.faults.refuse('GetTopic', 'PERMISSION_DENIED', { times: 1 })
  emulator.faults.refuse('GetSubscription', 'PERMISSION_DENIED', { times: 1 })
  const { findings } = await checkPubsub(place)
  assert.equal(named(findings, 'pubsub').status, 'ok')
  for (const { status } of findings.slice(1)) assert.equal(status, 'skipped')
})

describe('no emulator at the address', () => {
  test('on this machine: the printed command starts it', async () => {
    const port = await onFreePort(0, async (one) => one)
    const place = { ...freshPlace(), emulatorHost: `127.0.0.1:${port}` }
    const { findings } = await checkPubsub(place)
    const found = named(findings, 'pubsub')
    assert.equal(found.status, 'failed')
    for (const { status } of findings.slice(1)) assert.equal(status, 'skipped')
    const folder = await mkdtemp(join(tmpdir(), 'doctor-'))
    const noted = join(folder, 'pid')
    await pasteShell(`exec > /dev/null 2>&1 < /dev/null\n${printed(found)}\necho $! > ${noted}`)
    const pid = Number(await readFile(noted, 'utf8'))
    try {
      await until(
        () => finding(place, 'pubsub'),
        ({ status }) => status === 'ok',
        20_000,
      )
    } finally {
      process.kill(pid)
      await rm(folder, { recursive: true })
    }
  })

  test('a silent one is given up in time, and another is proposed beside it', async () => {
    await using proxy = await TcpProxy.to(Number(emulator.emulatorHost.split(':')[1]))
    proxy.freeze()
    const startMs = performance.now()
    const found = await finding({ ...freshPlace(), emulatorHost: proxy.address }, 'pubsub')
    assert.ok(performance.now() - startMs < 6000)
    assert.equal(found.status, 'failed')
    const [, next] = /emulator --port (\d+) &/.exec(printed(found)) ?? []
    assert.ok(Number(next) > proxy.port)
    assert.match(printed(found), new RegExp(`\nexport PUBSUB_EMULATOR_HOST=127\\.0\\.0\\.1:${next}$`))
  })

  test('another kind of server has its port: reported, and the emulator gets another port', async () => {
    const other = createServer((socket) => socket.on('error', () => {}).end('-ERR\r\n'))
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const found = await finding({ ...freshPlace(), emulatorHost: `127.0.0.1:${port}` }, 'pubsub')
    other.close()
    assert.match(found.detail, new RegExp(`^what listens at 127.0.0.1:${port} is not a Pub/Sub emulator`))
    const [look = '', start = '', set] = printed(found).split('\n')
    assert.match(look, /^# if an emulator runs elsewhere, fix PUBSUB_EMULATOR_HOST/)
    const [, next] = /^bin\/ingester emulator --port (\d+) &$/.exec(start) ?? []
    assert.ok(Number(next) > port)
    assert.equal(set, `export PUBSUB_EMULATOR_HOST=127.0.0.1:${next}`)
  })

  test('on another machine: where its address comes from, without repeating the address', async () => {
    const found = await finding({ ...freshPlace(), emulatorHost: 'emulator.invalid:8085' }, 'pubsub')
    assert.match(found.detail, /^nothing answers at emulator\.invalid:8085/)
    assert.match(printed(found), /^# check that .* PUBSUB_EMULATOR_HOST \(not set\)$/)
  })
})

/** As if it were Google's service: what its owner would be told. */
const atGoogle = (place: SubscriptionPlace) => ({ ...place, emulatorHost: undefined })

test('push and export: it cannot be pulled from', () => {
  const place = atGoogle({ ...freshPlace(), topicId: 't', subscriptionId: 's' })
  const delivery = (settings: object) => named(subscriptionFindings(settings, place), 'subscription delivery')
  const push = delivery({ pushConfig: { pushEndpoint: 'https://example.com' } })
  assert.equal(push.status, 'failed')
  assert.match(printed(push), /^gcloud pubsub subscriptions modify-push-config s --push-endpoint= /)
  for (const settings of [{ bigqueryConfig: { table: 'a.b.c' } }, { cloudStorageConfig: { bucket: 'b' } }]) {
    const exported = delivery(settings)
    assert.equal(exported.status, 'failed')
    assert.equal(
      printed(exported),
      'gcloud pubsub subscriptions create s-ingester --topic=t --project=test-project\n' +
        'export INGESTER_SUBSCRIPTIONID=s-ingester',
    )
  }
})

test('of another project: the lines for gcloud name that one', () => {
  const place = atGoogle({
    ...freshPlace(),
    topicId: 'projects/mill/topics/t',
    subscriptionId: 'projects/mill/subscriptions/s',
  })
  const topic = 'projects/mill/topics/t'
  const lines = (name: string, settings: object) =>
    printed(named(subscriptionFindings({ topic, ...settings }, place), name)).split('\n')
  assert.deepEqual(lines('subscription delivery', { pushConfig: { pushEndpoint: 'https://example.com' } }), [
    'gcloud pubsub subscriptions modify-push-config s --push-endpoint= --project=mill',
  ])
  assert.deepEqual(lines('subscription delivery', { bigqueryConfig: { table: 'a.b.c' } }), [
    'gcloud pubsub subscriptions create s-ingester --topic=projects/mill/topics/t --project=test-project',
    'export INGESTER_SUBSCRIPTIONID=s-ingester',
  ])
  assert.deepEqual(lines('subscription delivery', { detached: true }), [
    'gcloud pubsub subscriptions delete s --project=mill',
    'gcloud pubsub subscriptions create s --topic=t --project=mill',
  ])
  assert.deepEqual(lines('subscription topic', { topic: '_deleted-topic_' }), [
    'gcloud pubsub subscriptions delete s --project=mill',
    'gcloud pubsub topics create t --project=mill',
    'gcloud pubsub subscriptions create s --topic=t --project=mill',
  ])
  assert.deepEqual(
    lines('subscription dead letters', {
      deadLetterPolicy: { deadLetterTopic: 'd', maxDeliveryAttempts: 5 },
    }),
    ['gcloud pubsub subscriptions update s --min-retry-delay=10s --max-retry-delay=600s --project=mill'],
  )
})

test('filter, ordering and exactly-once delivery are noted', () => {
  const settings = { filter: 'attributes:x', enableMessageOrdering: true, enableExactlyOnceDelivery: true }
  const { status, detail } = named(subscriptionFindings(settings, freshPlace()), 'subscription options')
  assert.equal(status, 'ok')
  assert.match(detail, /filter attributes:x.*; ordered.*; exactly-once/)
})
