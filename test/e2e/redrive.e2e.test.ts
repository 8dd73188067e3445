// Redriving: what is published, in which order, how often, and what happens when it is cut short.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { DeadLetterFixture } from '../support/dead-letters.ts'
import {
  storedMs,
  arrived,
  deadLetters,
  deadLettersProgram,
  statuses,
  storeDeadLetters,
} from '../support/dead-letters.ts'
import { repeatedBy } from '#core/identity.ts'
import { startIngesterProgram } from '../support/program.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import type { TestSystem } from '../support/system.ts'
import { connectSql, startSystem, topicId, until } from '../support/system.ts'

/** The most that one transaction of a redrive takes. */
const batch = 500

describe('redrive', async () => {
  let system: TestSystem
  beforeAll(async () => {
    system = await startSystem({ INGESTER_STARTUP_TIMEOUT: '5s' })
  })
  afterAll(() => system[Symbol.asyncDispose]())
  beforeEach(async () => {
    await system.sql.query('TRUNCATE dead_letters RESTART IDENTITY')
    emulator().faults.clear()
    await system.clients.subscriber.seek({
      subscription: system.subscription,
      time: { seconds: 4_000_000_000 },
    })
  })

  const emulator = () => system.stack.pubsub?.emulator ?? assert.fail('no emulator of our own')
  const texts = () => arrived(system).map(({ data }) => data)
  const plainOnes = (count: number): DeadLetterFixture[] => Array.from({ length: count }, () => ({}))
  const count = async (status: string) => (await statuses(system)).filter((one) => one === status).length
  const start = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
    startIngesterProgram(['dead-letters', 'redrive', '--yes', '--json', ...args], {
      env: { ...system.env, ...env },
    })
  const summaryIn = (text: string) => {
    const { topic, ...summary } = JSON.parse(text)
    assert.equal(topic, system.topic)
    return summary
  }

  /** Locks a dead letter until the connection is closed: a redrive of it waits. */
  async function holding(id: number) {
    const holder = await connectSql(system.config)
    await holder.query(`BEGIN; SELECT FROM dead_letters WHERE id = ${id} FOR UPDATE`)
    return { release: () => holder.end(), [Symbol.asyncDispose]: () => holder.end() }
  }
  const blocked = (wanted: number) =>
    until(
      async () => {
        const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
        return (await system.sql.query(text)).rowCount
      },
      (found) => found === wanted,
    )

  test('the message unchanged: data, attributes and ordering key, with what it repeats and how often', async () => {
    const data = Buffer.from([0, 1, 0xff, 0x7b])
    const attributes = { a: 'b', 'é "\\': '😀' }
    await storeDeadLetters(system, [
      { data, attributes, orderingKey: 'k "1"' },
      { data: 'again', attributes: { ingester_redrive_count: '7' } },
      { data: '', attributes: { only: 'this', googclient_schemaencoding: 'JSON' } },
    ])
    const { code, stdout, stderr } = await deadLettersProgram(system, ['redrive', '--yes'])
    assert.deepEqual([code, stdout], [0, 'selected 3, published 3, skipped 0, failed 0\n'], stderr)
    assert.match(
      stderr,
      /^3 to be published to projects\/.*\/scan-topic; every subscription of the topic receives/m,
    )
    const all = arrived(system).toSorted((a, b) => a.orderingKey.length - b.orderingKey.length)
    assert.deepEqual(all, [
      {
        data: 'again',
        attributes: { ...repeatedBy('m1', storedMs + 1), ingester_redrive_count: '8' },
        orderingKey: '',
      },
      {
        data: '',
        attributes: { only: 'this', ...repeatedBy('m2', storedMs + 2), ingester_redrive_count: '1' },
        orderingKey: '',
      },
      {
        data: data.toString(),
        attributes: { ...attributes, ...repeatedBy('m0', storedMs), ingester_redrive_count: '1' },
        orderingKey: 'k "1"',
      },
    ])
    const { messages } = emulator().inspect(system.subscription)
    assert.ok(messages.some((message) => message.data.equals(data)))
    assert.equal(await count('redriven'), 3)
    assert.match((await deadLetters(system, ['redrive', '--yes'])).stdout, /^selected 0, published 0/)
  })

  test('an identity that a message was given stays: a chain of redrives keeps the first', async () => {
    const request = { 'ingester-request': 'a'.repeat(64) }
    const half = { 'ingester-publish-time': 'wrong' }
    await storeDeadLetters(system, [
      { attributes: repeatedBy('first', 5) },
      { attributes: half },
      { attributes: request },
      { attributes: { ...request, ...repeatedBy('first', 5) } },
    ])
    assert.equal((await deadLetters(system, ['redrive', '--yes'])).code, 0)
    const count = { ingester_redrive_count: '1' }
    assert.deepEqual(
      arrived(system).map(({ attributes }) => attributes),
      [
        { ...repeatedBy('first', 5), ...count },
        { ...half, ...count },
        // How old a request is decides whether it is still known.
        { ...request, ...repeatedBy('m2', storedMs + 2), ...count },
        { ...request, ...repeatedBy('first', 5), ...count },
      ],
    )
  })

  test('--as-new publishes them without identity, and says what that means', async () => {
    const given = { 'ingester-request': 'a'.repeat(64), ...repeatedBy('first', 5), own: 'x' }
    await storeDeadLetters(system, [{ attributes: given }, {}])
    const dry = await deadLetters(system, ['redrive', '--as-new', '--dry-run'])
    assert.match(dry.stderr, /^as new messages: .* even if it has counted before$/m)
    const refused = await deadLetters(system, ['redrive', '--as-new'])
    assert.match(refused.stderr, /redrive needs confirmation, and there is no terminal/)
    assert.deepEqual(arrived(system), [])
    const { code, stderr } = await deadLetters(system, ['redrive', '--as-new', '--yes'])
    assert.equal(code, 0)
    assert.match(stderr, /^as new messages: /m)
    assert.deepEqual(
      arrived(system).map(({ attributes }) => attributes),
      [{ own: 'x', ingester_redrive_count: '1' }, { ingester_redrive_count: '1' }],
    )
  })

  test('attributes up to the limit: first the count gives way, then it is skipped, and --as-new publishes it', async () => {
    const some = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, '']))
    const sizes = [97, 98, 99, 100]
    await storeDeadLetters(
      system,
      sizes.map((size) => ({ attributes: some(size) })),
    )
    const { code, stdout, stderr } = await deadLetters(system, ['redrive', '--yes', '--json'])
    assert.equal(code, 0)
    assert.deepEqual(summaryIn(stdout), { selected: 4, published: 2, skipped: 2, failed: 0, left: 0 })
    for (const id of [3, 4])
      assert.match(stderr, new RegExp(`^dead letter ${id}: it cannot be published: .* 100 .*--as-new`, 'm'))
    const counts = () =>
      arrived(system).map(({ attributes }) => [
        Object.keys(attributes).length,
        'ingester-message-id' in attributes,
        'ingester_redrive_count' in attributes,
      ])
    assert.deepEqual(counts(), [
      [100, true, true],
      [100, true, false],
    ])
    assert.deepEqual(await statuses(system), ['redriven', 'redriven', 'new', 'new'])
    assert.equal((await deadLetters(system, ['redrive', '--yes', '--as-new'])).code, 0)
    assert.deepEqual(counts().slice(2), [
      [100, false, true],
      [100, false, false],
    ])
  })

  test('per ordering key in order of publish time, across batches', async () => {
    const total = batch + 100
    const letters = Array.from({ length: total }, (_, at) => ({
      orderingKey: ['', 'a', 'b'][at % 3] as string,
      // The later an id, the earlier it was published.
      publishTimeMs: Date.UTC(2024, 0, 29) - at,
    }))
    await storeDeadLetters(system, letters)
    const { code, stdout } = await deadLetters(system, ['redrive', '--yes', '--json'])
    assert.equal(code, 0)
    assert.deepEqual(summaryIn(stdout), { selected: total, published: total, skipped: 0, failed: 0, left: 0 })
    for (const key of ['', 'a', 'b']) {
      const ids = arrived(system)
        .filter(({ orderingKey }) => orderingKey === key)
        .map(({ data }) => Number(data.split(' ')[1]))
      assert.ok(ids.length >= total / 3 - 1)
      assert.deepEqual(
        ids,
        ids.toSorted((a, b) => b - a),
        `key "${key}"`,
      )
    }
  })

  test('the filters and the limit select; the ids are those at the start', async () => {
    await storeDeadLetters(system, [
      { reason: 'a' },
      { reason: 'b' },
      { reason: 'a' },
      { reason: 'c' },
      { reason: 'a' },
    ])
    const redrive = async (...args: readonly string[]) => {
      const { code, stderr } = await deadLetters(system, ['redrive', '--yes', ...args])
      assert.equal(code, 0, stderr)
      return texts()
    }
    assert.deepEqual(await redrive('--reason', 'a', '--limit', '1'), ['data 1'])
    assert.deepEqual(await redrive('--reason', 'a,b', '--ids', '1,2,4'), ['data 1', 'data 2'])
    await system.sql.query(`UPDATE dead_letters SET last_seen_at = now() - interval '2 h' WHERE id = 3`)
    assert.deepEqual(await redrive('--since', '1h', '--pipeline', 'scans'), [
      'data 1',
      'data 2',
      'data 4',
      'data 5',
    ])
    assert.deepEqual((await redrive('--status', 'redriven', '--ids', '1')).slice(4), ['data 1'])
    assert.equal((await deadLetters(system, ['discard', '--yes'])).code, 0)
    assert.deepEqual((await redrive('--status', 'discarded')).slice(5), ['data 3'])
    assert.equal(await count('redriven'), 5)

    await using held = await holding(1)
    const running = deadLetters(system, ['redrive', '--yes', '--status', 'redriven', '--ids', '1'])
    await blocked(1)
    await storeDeadLetters(system, [{ messageId: 'came later' }])
    await held.release()
    assert.equal((await running).code, 0)
    assert.equal(await count('new'), 1)
  })

  test('a dry run lists what would be published, and publishes nothing', async () => {
    const cut = { reason: 'too-large', data: Buffer.alloc(100_001) }
    await storeDeadLetters(system, [{ attributes: { ingester_redrive_count: '1' } }, cut, ...plainOnes(30)])
    const { code, stdout, stderr } = await deadLetters(system, ['redrive', '--dry-run'])
    assert.equal(code, 0)
    assert.match(
      stderr,
      /^31 would be published to projects\/.*\/scan-topic; every subscription .* receives/m,
    )
    assert.match(stderr, /^1 would be skipped: their data was cut/m)
    assert.match(stdout, /^ *1 .* 1 +bad-ip: why$/m)
    assert.match(stdout, /^ *2 .* cut +too-large: why$/m)
    assert.match(stdout, /^and 12 more; --json lists all$/m)
    const json = JSON.parse(
      (await deadLetters(system, ['redrive', '--dry-run', '--json', '--limit', '25'])).stdout,
    )
    const { dryRun, topic, selected, letters } = json
    assert.deepEqual([dryRun, topic, selected, json.cut, letters.length], [true, system.topic, 25, 1, 25])
    assert.deepEqual(texts(), [])
    assert.equal(await count('new'), 32)
  })

  test('truncated data is skipped, escaped text is published as it stands, each with a line', async () => {
    await storeDeadLetters(system, [
      { reason: 'too-large', data: Buffer.alloc(100_001) },
      { attributes: { a: 'x\0' }, reason: 'bad-attribute' },
      {},
    ])
    const { code, stdout, stderr } = await deadLetters(system, ['redrive', '--yes'])
    assert.deepEqual([code, stdout], [0, 'selected 3, published 2, skipped 1, failed 0\n'])
    assert.match(
      stderr,
      /^dead letter 1: it cannot be published: of its data only the first 64 KiB were kept$/m,
    )
    assert.match(stderr, /^dead letter 2: its text is published as it stands in the table/m)
    assert.doesNotMatch(stderr, /^dead letter 3/m)
    assert.deepEqual(await statuses(system), ['new', 'redriven', 'redriven'])
    assert.deepEqual(arrived(system)[0]?.attributes, {
      a: String.raw`x\u0000`,
      ingester_redrive_count: '1',
      ...repeatedBy('m1', storedMs + 1),
    })
    const show = await deadLetters(system, ['show', '1'])
    assert.match(show.stdout, /cannot be redriven. Raise INGESTER_MAX_MESSAGE_BYTES/)
  })

  test('what the broker rejects fails alone: exit 4, it stays new, the others are published', async () => {
    const reserved = { google: '' }
    await storeDeadLetters(system, [
      { orderingKey: 'k' },
      { orderingKey: 'k', attributes: reserved },
      { orderingKey: 'k' },
      {},
    ])
    const { code, stdout, stderr } = await deadLetters(system, ['redrive', '--yes', '--json'])
    assert.equal(code, 4)
    assert.deepEqual(summaryIn(stdout), { selected: 4, published: 3, skipped: 0, failed: 1, left: 0 })
    assert.match(stderr, /^dead letter 2: rejected by Pub\/Sub: .*begins with "goog"/m)
    assert.deepEqual(texts(), ['data 4', 'data 1', 'data 3'])
    assert.deepEqual(await statuses(system), ['redriven', 'new', 'redriven', 'redriven'])
  })

  test('two concurrent redrives publish each dead letter once', async () => {
    const total = batch + 1
    await storeDeadLetters(system, plainOnes(total))
    await using held = await holding(1)
    await using one = start()
    await using two = start()
    await blocked(2)
    await held.release()
    assert.deepEqual([await one.ended, await two.ended], [0, 0])
    const [first, second] = [one, two].map((program) => summaryIn(program.stdout()))
    assert.deepEqual([first.selected, second.selected], [total, total])
    assert.equal(first.published + second.published, total)
    assert.equal(first.published + first.skipped, total)
    assert.equal(new Set(texts()).size, total)
    assert.equal(texts().length, total)
    assert.match(one.stderr() + two.stderr(), /already handled by another process[^]*and \d+ more such lines/)
  })

  test('a concurrent redrive and discard: each dead letter is handled once', async () => {
    await storeDeadLetters(system, plainOnes(10))
    await using held = await holding(10)
    await using redrive = start()
    await blocked(1)
    const discarding = deadLetters(system, ['discard', '--yes', '--json'])
    await blocked(2)
    await held.release()
    await expect(redrive).toEndWith(0)
    const { discarded, skipped } = JSON.parse((await discarding).stdout)
    assert.equal(summaryIn(redrive.stdout()).published, texts().length)
    assert.deepEqual([discarded + texts().length, discarded + skipped], [10, 10])
    assert.equal(await count('redriven'), texts().length)
  })

  test('kill -9 between publish and mark: earlier marks stay, the rest is published again', async () => {
    const total = batch + 100
    await storeDeadLetters(system, plainOnes(total))
    // The mark of the last letter waits.
    await system.sql.query(`
      CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END$$;
      CREATE TRIGGER wait_for_test BEFORE UPDATE ON dead_letters FOR EACH ROW
        WHEN (OLD.id = ${total} AND NEW.status = 'redriven') EXECUTE FUNCTION wait_for_test()`)
    const holder = await connectSql(system.config)
    await holder.query('SELECT pg_advisory_lock(1)')
    await using victim = start()
    await blocked(1)
    assert.equal(texts().length, total, 'all of it is published')
    victim.signal('SIGKILL')
    await expect(victim).toEndWith('SIGKILL')
    await holder.end()
    await system.sql.query('DROP FUNCTION wait_for_test CASCADE')
    assert.equal(await count('redriven'), batch)
    assert.equal(await count('new'), 100)

    const again = await deadLetters(system, ['redrive', '--yes', '--json'])
    assert.equal(again.code, 0)
    assert.deepEqual(summaryIn(again.stdout), {
      selected: 100,
      published: 100,
      skipped: 0,
      failed: 0,
      left: 0,
    })
    assert.equal(await count('redriven'), total)
    assert.equal(texts().length, total + 100, 'a hundred of them twice')
    assert.equal(new Set(texts()).size, total)
  })

  test('Ctrl-C finishes the current batch: exit 4 with what is left; a second one exits at once: exit 5', async () => {
    const total = 2 * batch + 10
    await storeDeadLetters(system, plainOnes(total))
    await using held = await holding(batch + 1)
    await using program = start()
    await blocked(1)
    program.signal('SIGINT')
    await program.said(/stopping: finishing the current batch; press Ctrl-C again to force exit/)
    await held.release()
    await expect(program).toEndWith(4)
    assert.deepEqual(summaryIn(program.stdout()), {
      selected: total,
      published: 2 * batch,
      skipped: 0,
      failed: 0,
      left: total - 2 * batch,
    })
    assert.equal(await count('redriven'), 2 * batch)

    await using stillHeld = await holding(total)
    await using hurried = start()
    await blocked(1)
    hurried.signal('SIGTERM')
    await hurried.said(/stopping/)
    hurried.signal('SIGTERM')
    await expect(hurried).toEndWith(5)
    await stillHeld.release()
    assert.equal(await count('redriven'), 2 * batch)
  })

  test('a broker that is down for a moment is waited for; confirmed messages are not sent again', async () => {
    await storeDeadLetters(system, [{}, { orderingKey: 'k' }, {}])
    // One request a key, at the same time: the first one fails, the second one does not.
    emulator().faults.refuse('Publish', 'UNAVAILABLE', { times: 1 })
    const { code, stdout, stderr } = await deadLetters(system, ['redrive', '--yes', '--json'])
    assert.equal(code, 0, stderr)
    assert.deepEqual(summaryIn(stdout), { selected: 3, published: 3, skipped: 0, failed: 0, left: 0 })
    assert.match(stderr, /^waiting for the Pub\/Sub emulator at .*UNAVAILABLE/m)
    assert.deepEqual(texts(), ['data 2', 'data 1', 'data 3'])
  })

  test('of a batch that is accepted in part, that part is marked', async () => {
    await storeDeadLetters(system, [{}, { orderingKey: 'k' }])
    emulator().faults.refuse('Publish', 'NOT_FOUND', { times: 1 })
    const { code, stdout } = await deadLetters(system, ['redrive', '--yes', '--json'])
    assert.equal(code, 2)
    assert.deepEqual(summaryIn(stdout), { selected: 2, published: 1, skipped: 0, failed: 0, left: 1 })
    assert.deepEqual(texts(), ['data 2'])
    assert.deepEqual(await statuses(system), ['new', 'redriven'])
  })

  test('a broker that is unavailable: exit 3 within the timeout, with the fix; nothing is marked', async () => {
    await storeDeadLetters(system, plainOnes(3))
    const nowhere = { PUBSUB_EMULATOR_HOST: '127.0.0.1:1', INGESTER_STARTUP_TIMEOUT: '1s' }
    const { code, stderr } = await deadLetters(system, ['redrive', '--yes'], nowhere)
    assert.equal(code, 3, stderr)
    assert.match(stderr, /waiting for the Pub\/Sub emulator at 127.0.0.1:1/)
    assert.match(
      stderr,
      /was not reachable within 1s \(INGESTER_STARTUP_TIMEOUT\).*check INGESTER_PROJECTID, PUBSUB_EMULATOR_HOST/,
    )

    emulator().faults.refuse('Publish', 'UNAVAILABLE', { share: 1 })
    const late = await deadLetters(system, ['redrive', '--yes', '--json'], { INGESTER_STARTUP_TIMEOUT: '1s' })
    assert.equal(late.code, 3, late.stderr)
    assert.deepEqual(summaryIn(late.stdout), { selected: 3, published: 0, skipped: 0, failed: 0, left: 3 })
    assert.match(late.stderr, /ingester: the Pub\/Sub emulator at .*UNAVAILABLE.*check INGESTER_PROJECTID/)
    assert.equal(await count('new'), 3)
  })

  test('no permission to publish: exit 2 with the fix', async () => {
    await storeDeadLetters(system, plainOnes(1))
    emulator().faults.refuse('Publish', 'PERMISSION_DENIED', { times: 1 })
    const { code, stderr } = await deadLetters(system, ['redrive', '--yes'])
    assert.equal(code, 2)
    assert.match(
      stderr,
      /PERMISSION_DENIED.*may publish to projects\/test-project\/topics\/scan-topic \(roles\/pubsub.publisher\)/,
    )
    assert.equal((await deadLetters(system, ['redrive', '--yes'])).code, 0)
  })

  /** A subscription of its own, on a topic of another project; a topic of the usual name is there as well. */
  async function elsewhere() {
    const id = `sub-${randomUUID()}`
    const topic = `projects/another-project/topics/prod-${id}`
    const subscription = `projects/test-project/subscriptions/${id}`
    await system.clients.publisher.createTopic({ name: topic })
    await system.clients.subscriber.createSubscription({ name: subscription, topic })
    const own = { ...system, subscription }
    return { topic, subscription, own, env: { INGESTER_SUBSCRIPTIONID: id } }
  }

  test("it publishes to the subscription's own topic, whatever the configuration names", async () => {
    const { topic, own, env } = await elsewhere()
    await storeDeadLetters(own, plainOnes(2))
    const preview = await deadLetters(system, ['redrive', '--dry-run', '--json'], env)
    assert.equal(JSON.parse(preview.stdout).topic, topic)
    const first = await deadLetters(system, ['redrive', '--yes', '--limit', '1'], env)
    assert.equal(first.code, 0, first.stderr)
    assert.match(first.stderr, new RegExp(`^1 to be published to ${topic};`, 'm'))
    const second = await deadLetters(system, ['redrive', '--yes'], { ...env, INGESTER_TOPICID: topicId })
    assert.equal(second.code, 0, second.stderr)
    assert.match(
      second.stderr,
      new RegExp(`^INGESTER_TOPICID says ${topicId}, but the subscription .* is attached to ${topic}$`, 'm'),
    )
    assert.deepEqual(
      arrived(own).map(({ data }) => data),
      ['data 1', 'data 2'],
    )
    assert.deepEqual(texts(), [])
  })

  test('a subscription that publishing does not reach: exit 2 with the reason, dead letters stay new', async () => {
    const { publisher } = system.clients
    const detached = await elsewhere()
    await publisher.detachSubscription({ subscription: detached.subscription })
    const orphaned = await elsewhere()
    await publisher.deleteTopic({ topic: orphaned.topic })
    const refused = await elsewhere()
    emulator().faults.refuse('GetSubscription', 'PERMISSION_DENIED', { times: 3 })
    const why = async (env: Readonly<Record<string, string>>, expected: RegExp) => {
      const { code, stderr } = await deadLetters(system, ['redrive', '--yes', '--any-subscription'], env)
      assert.equal(code, 2, stderr)
      assert.match(stderr, expected)
    }
    await storeDeadLetters(system, plainOnes(1))
    for (const dry of ['--dry-run', '--yes'])
      assert.equal((await deadLetters(system, ['redrive', dry], refused.env)).code, 2)
    await why(refused.env, /cannot be read: permission denied.*pubsub\.subscriptions\.get/)
    await why(detached.env, /would not reach .*: it is detached from its topic/)
    await why(orphaned.env, /would not reach .*: its topic was deleted/)
    await why(
      { INGESTER_SUBSCRIPTIONID: 'missing' },
      /there is no subscription missing .*\n +gcloud pubsub subscriptions create missing --topic=scan-topic/,
    )
    await why(
      { INGESTER_PIPELINE: 'others' },
      /INGESTER_PIPELINE: unknown pipeline "others" \(available: scans, increments; /,
    )
    assert.deepEqual(texts(), [])
    assert.equal(await count('new'), 1)
  })

  test('a subscription that loses its topic midway: what it did not receive is not marked', async () => {
    const { subscription, own, env } = await elsewhere()
    await storeDeadLetters(own, plainOnes(batch + 10))
    await using held = await holding(batch + 1)
    const running = deadLetters(system, ['redrive', '--yes', '--json'], env)
    await blocked(1)
    await system.clients.publisher.detachSubscription({ subscription })
    await held.release()
    const { code, stdout, stderr } = await running
    assert.equal(code, 2)
    assert.equal(JSON.parse(stdout).published, batch)
    assert.match(stderr, /it is detached from its topic/)
    assert.equal(await count('redriven'), batch)
    assert.equal(await count('new'), 10)
  })

  test('dead letters of another subscription are skipped with a line, unless requested', async () => {
    const { own } = await elsewhere()
    await storeDeadLetters(own, [{}])
    await storeDeadLetters(system, [{ data: 'ours' }])
    const preview = await deadLetters(system, ['redrive', '--dry-run'])
    assert.match(
      preview.stderr,
      /^1 would be published .*\n1 would be skipped: they came from another subscription/m,
    )
    const { code, stdout, stderr } = await deadLetters(system, ['redrive', '--yes'])
    assert.deepEqual([code, stdout], [0, 'selected 2, published 1, skipped 1, failed 0\n'])
    assert.match(
      stderr,
      /^dead letter 1: it came from the subscription projects\/.*, not from .*scan-sub; .*--any-subscription/m,
    )
    assert.deepEqual(texts(), ['ours'])
    assert.deepEqual(await statuses(system), ['new', 'redriven'])
    assert.equal((await deadLetters(system, ['redrive', '--yes', '--any-subscription'])).code, 0)
    assert.deepEqual(texts(), ['ours', 'data 1'])
  })

  test('of a mapping: each command that is shown leads to the next, and without its file redrive says what to add', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'redrive-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'my words.pipeline.yaml')
    await writeFile(
      file,
      'name: inv\ntopic: scan-topic\nsubscription: scan-sub\ntable: t\nkey: k\nversion: v\n',
    )
    await storeDeadLetters(system, [{}])
    await system.sql.query(`UPDATE dead_letters SET pipeline = 'inv'`)
    const option = `--pipeline '${file}'`
    const args = ['--pipeline', file]
    const list = await deadLetters(system, ['list', ...args])
    assert.ok(list.stderr.includes(`dead-letters show <id> ${option}`), list.stderr)
    const show = await deadLetters(system, ['show', '1', ...args])
    assert.ok(show.stdout.includes(`\n  bin/ingester dead-letters redrive --ids 1 ${option}\n`), show.stdout)
    const unnamed = (await deadLetters(system, ['show', '1'])).stdout
    assert.match(unnamed, /redrive --ids 1 --pipeline <file of inv>$/m)
    const configured = (await deadLetters(system, ['show', '1'], { INGESTER_PIPELINE: file })).stdout
    assert.match(configured, /redrive --ids 1$/m)
    const several = { INGESTER_PIPELINES: `scans,${file}` }
    assert.ok((await deadLetters(system, ['show', '1'], several)).stdout.includes(`--ids 1 ${option}\n`))

    for (const how of ['--yes', '--dry-run']) {
      const without = await deadLetters(system, ['redrive', '--ids', '1', how])
      assert.equal(without.code, 4)
      assert.match(
        without.stderr,
        /^dead letter 1: it is of the pipeline inv, and this command is for scans; --pipeline with the file of inv selects it$/m,
      )
    }
    const done = await deadLetters(system, ['redrive', '--ids', '1', '--yes', ...args])
    assert.deepEqual(
      [done.code, done.stdout],
      [0, 'selected 1, published 1, skipped 0, failed 0\n'],
      done.stderr,
    )
    const other = await deadLetters(system, ['discard', '--ids', '1', '--dry-run', '--pipeline', 'scans'])
    assert.match(other.stderr, /^dead letter 1: it is of the pipeline inv, and this command is for scans; /m)
  })

  test('the topic is deleted midway: exit 2 with the fix; what was published stays marked', async () => {
    await storeDeadLetters(system, plainOnes(batch + 10))
    await using held = await holding(batch + 1)
    await using program = start()
    await blocked(1)
    emulator().faults.refuse('Publish', 'NOT_FOUND', { share: 1 })
    await held.release()
    await expect(program).toEndWith(2)
    assert.deepEqual(summaryIn(program.stdout()), {
      selected: batch + 10,
      published: batch,
      skipped: 0,
      failed: 0,
      left: 10,
    })
    assert.match(
      program.stderr(),
      /there is no topic projects\/test-project\/topics\/scan-topic any more; run bin\/ingester doctor/,
    )
    assert.equal(await count('redriven'), batch)
    assert.equal(await count('new'), 10)
  })

  test('a broker that goes down midway, with its connection: exit 3 that names it', async () => {
    await storeDeadLetters(system, plainOnes(batch + 10))
    await using proxy = await TcpProxy.to(emulator().port)
    await using held = await holding(batch + 1)
    await using program = start([], { PUBSUB_EMULATOR_HOST: proxy.address, INGESTER_STARTUP_TIMEOUT: '2s' })
    await blocked(1)
    await proxy.refuse()
    await held.release()
    await expect(program).toEndWith(3)
    assert.equal(summaryIn(program.stdout()).published, batch)
    assert.match(program.stderr(), /ingester: the Pub\/Sub emulator at .*check INGESTER_PROJECTID/)
    assert.doesNotMatch(program.stderr(), /PostgreSQL/)
    assert.equal(await count('redriven'), batch)
  })

  test('PostgreSQL goes down midway: exit 3; what was published stays marked', async () => {
    await storeDeadLetters(system, plainOnes(batch + 10))
    await using held = await holding(batch + 1)
    const running = deadLetters(system, ['redrive', '--yes', '--json'])
    await blocked(1)
    await system.sql.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
    )
    const { code, stdout, stderr } = await running
    assert.equal(code, 3)
    assert.equal(summaryIn(stdout).published, batch)
    assert.match(stderr, /PostgreSQL at .*terminat.*check INGESTER_POSTGRES_HOST/)
    await held.release()
    assert.equal(await count('redriven'), batch)
  })

  test('large dead letters are sent in requests that the broker accepts', async () => {
    // Together more than one request may have. The redrive's batches and publish() both keep below that.
    const data = Buffer.alloc(99_000, 'x')
    const total = 110
    await storeDeadLetters(
      system,
      Array.from({ length: total }, () => ({ data })),
    )
    await using proxy = await TcpProxy.to(emulator().port)
    const env = { PUBSUB_EMULATOR_HOST: proxy.address }
    const { code, stdout } = await deadLetters(system, ['redrive', '--yes', '--json'], env)
    assert.equal(code, 0)
    assert.equal(summaryIn(stdout).published, total)
    assert.equal(texts().length, total)
    // A request that is rejected is halved and sent again, and so is found here only.
    const share = proxy.sentBytes / (total * data.length)
    assert.ok(share >= 1 && share < 1.1, `all data was sent ${share} times`)
  })
})
