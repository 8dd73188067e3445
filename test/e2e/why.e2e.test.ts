// `bin/ingester why` as a user meets it: one system, an ingester that runs, and a key for each thing to be found.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { RecordStatus } from '#dead-letters/record-status.ts'
import type { Scan } from '#demo/scans/scan.ts'
import { encodeScan } from '#demo/scans/scan.ts'
import { publish } from '#pubsub/publisher.ts'
import { runInProcess } from '../support/in-process.ts'
import { runAsProgram, startIngesterProgram } from '../support/program.ts'
import { publishScans } from '../support/publish.ts'
import { viewRedis } from '../support/redis.ts'
import { metric, startSystem, until } from '../support/system.ts'
import { atEnd } from '../support/at-end.ts'

const resources = new AsyncDisposableStack()
const system = resources.use(await startSystem({ INGESTER_FLUSH_INTERVAL: '0' }, { superuser: true }))
const redis = resources.use(viewRedis(system.redis))
const run = resources.use(startIngesterProgram(['run'], { env: system.env }))
const url = (await run.said(/"admin":"(http[^"]+)"/))[1] as string

/** `why` needs the stores, and nothing of Pub/Sub. */
const env = Object.fromEntries(
  Object.entries(system.env).filter(([name]) => /^INGESTER_(POSTGRES|REDIS)_/.test(name)),
)

/** In this process, without the start of a program; the tests of a stored record, invalid words and no PostgreSQL have programs, too. */
const ended = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  runInProcess(['why', ...args], { ...env, ...more })

const programEnded = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  runAsProgram(['why', ...args], { ...env, ...more })

async function told(key: string, more?: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await ended(key.split(' '), more)
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  return stdout
}

async function found(key: string, more?: Readonly<Record<string, string>>): Promise<RecordStatus> {
  const { code, stdout, stderr } = await ended([...key.split(' '), '--json'], more)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

let lastPort = 0
const now = () => Math.floor(Date.now() / 1000)

/** Of a key that no other test uses. */
function newScan(change: Partial<Scan> = {}): Scan {
  return {
    ip: '1.1.1.7',
    port: ++lastPort,
    service: 'HTTP',
    timestamp: now(),
    response: 'hello world',
    ...change,
  }
}

const keyOf = ({ ip, port, service }: Scan) => `${ip} ${port} ${service}`
const settled = (reason: string) => metric(url, `ingester_messages_settled_total{reason="${reason}"`)

/** Publishes, and waits until this many more have been settled this way. */
async function publishUntil(reason: string, messages: readonly Scan[] | readonly Buffer[]): Promise<void> {
  const before = await settled(reason)
  for (const one of messages) {
    if (Buffer.isBuffer(one)) await publish(system.clients, system.topic, [{ data: one }])
    else await publishScans(system, [one])
  }
  await until(
    () => settled(reason),
    (count) => count === before + messages.length,
  )
}

/** The scan's message with another timestamp: never acceptable. */
const bad = (scan: Scan) => encodeScan({ ...scan, timestamp: -1 }, 2)

// A suite, so that this goes before what looks for programs that were left running.
describe('bin/ingester why', () => {
  atEnd(() => resources.disposeAsync())

  test('stored: row, watermark, no claim, no dead letter', async () => {
    const scan = newScan()
    await publishUntil('written', [scan])
    const { code, stdout: text, stderr } = await programEnded(keyOf(scan).split(' '))
    assert.deepEqual([code, stderr], [0, ''])
    const seen = String.raw`seen \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \((\d+ s ago|just now)\)`
    assert.match(
      text,
      new RegExp(
        String.raw`^HTTP on 1\.1\.1\.7:${scan.port}: stored

  row           stored: HTTP on 1\.1\.1\.7:${scan.port}, ${seen}, response 'hello world' \(11 bytes\)
  watermark     matches the row
  claim         none
  dead letters  none
$`,
      ),
    )
    const { pipeline, key, verdict, row, watermark, claim, deadLetters } = await found(keyOf(scan))
    const { ip, port, service, response, timestamp } = scan
    assert.deepEqual([pipeline, key, verdict], ['scans', { ip, port, service }, 'stored'])
    assert.deepEqual(row?.values, { ip, port, service, response, last_seen: timestamp })
    assert.deepEqual(
      [watermark.state, watermark.version, claim, deadLetters.count],
      ['same', String(timestamp), null, 0],
    )
  })

  test('a duplicate and an older record changed nothing', async () => {
    const scan = newScan()
    await publishUntil('written', [scan])
    await publishUntil('stale', [scan, { ...scan, timestamp: scan.timestamp - 5, response: 'older' }])
    const { verdict, row, watermark } = await found(keyOf(scan))
    assert.deepEqual([verdict, row?.values['response'], watermark.state], ['stored', 'hello world', 'same'])
  })

  test('dead-lettered; and then stored, by a later valid message', async () => {
    const scan = newScan()
    await publishUntil('dead_lettered', [bad(scan), bad(newScan())])
    assert.match(
      await told(keyOf(scan)),
      /: not stored: its message is a dead letter\n\n {2}row {11}not stored\n {2}watermark {5}none: .*\n {2}claim {9}none\n {2}dead letters {2}1, newest first; one in full: bin\/ingester dead-letters show \d+\n {16}\d+ {2}\d{4}-.* UTC \(.*\) {2}bad-timestamp: "timestamp" must be in whole Unix seconds/,
    )
    await publishUntil('written', [scan])
    const { verdict, deadLetters } = await found(keyOf(scan))
    assert.equal(verdict, 'stored')
    const [letter] = deadLetters.letters
    assert.deepEqual([deadLetters.count, letter?.reason, letter?.match], [1, 'bad-timestamp', 'key'])
    assert.match(await told(keyOf(scan)), /: stored; it also has 1 dead letter\n/)
  })

  test('dead letters without a readable key are found by what they mention', async () => {
    const scan = newScan()
    const whole = encodeScan(scan, 2)
    await publishUntil('dead_lettered', [whole.subarray(0, -1)])
    const { verdict, deadLetters } = await found(keyOf(scan))
    assert.deepEqual(
      [verdict, deadLetters.letters[0]?.match, deadLetters.letters[0]?.reason],
      ['dead-lettered', 'text', 'not-json'],
    )
    assert.match(await told(keyOf(scan)), /its payload is unreadable but mentions this key/)
  })

  test('being written, by a batch that waits for a lock; then stored', async () => {
    const scan = newScan()
    const before = await settled('written')
    await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
    await publishScans(system, [scan])
    const claimed = (keys: string[]) => keys.some((key) => key.endsWith(`:${keyOf(scan)}`))
    await until(() => redis.keys('c'), claimed)
    assert.match(
      await told(keyOf(scan)),
      /: not stored yet, but it is being written\n[^]*claim {9}being written by a batch since \d{4}-.* UTC \(.*\): seen .*; its claim ends in \d+ s\n/,
    )
    const { verdict, row, claim } = await found(keyOf(scan))
    assert.deepEqual([verdict, row, claim?.version], ['being-written', null, String(scan.timestamp)])
    await system.sql.query('COMMIT')
    await until(
      () => settled('written'),
      (count) => count === before + 1,
    )
    const after = await found(keyOf(scan))
    assert.deepEqual([after.verdict, after.claim, after.watermark.state], ['stored', null, 'same'])
  })

  test('unknown everywhere', async () => {
    const { verdict, row, watermark, claim, deadLetters } = await found(keyOf(newScan()))
    assert.deepEqual(
      [verdict, row, watermark, claim, deadLetters.count],
      ['unknown', null, { state: 'none' }, null, 0],
    )
    assert.match(await told(keyOf(newScan())), /: not stored, and nothing is known about it\./)
  })

  test('the watermark of a deleted row, and that `cache bump` invalidates it', async () => {
    const scan = newScan()
    await publishUntil('written', [scan])
    await system.sql.query('DELETE FROM scan_results WHERE port = $1', [scan.port])
    const before = await found(keyOf(scan))
    assert.deepEqual([before.verdict, before.watermark.state], ['cache-ahead', 'newer'])
    assert.match(
      await told(keyOf(scan)),
      /: not stored, and the cache treats its messages as stale; `bin\/ingester cache bump` invalidates the cached watermarks\n[^]*a version, but there is no row: seen /,
    )
    await publishUntil('stale', [scan])
    assert.equal((await runInProcess(['cache', 'bump'], env)).code, 0)
    const after = await found(keyOf(scan))
    assert.deepEqual([after.verdict, after.watermark], ['unknown', { state: 'none' }])
    await run.said(/has a new epoch/)
    await publishUntil('written', [scan])
    assert.equal((await found(keyOf(scan))).watermark.state, 'same')
  })

  test('an address in another spelling, and a service with spaces, are the same key', async () => {
    const scan = newScan({ ip: '::1', service: 'my service' })
    await publishUntil('written', [scan])
    for (const ip of ['::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001']) {
      const { code, stdout } = await ended([ip, String(scan.port), 'my service', '--json'])
      assert.equal(code, 0)
      const { key, verdict, watermark } = JSON.parse(stdout) as RecordStatus
      const canonical = { ip: '::1', port: scan.port, service: 'my service' }
      assert.deepEqual([key, verdict, watermark.state], [canonical, 'stored', 'same'])
    }
  })

  test('Redis disabled or down: reported, and the rest is answered', async () => {
    const scan = newScan()
    await publishUntil('written', [scan])
    const off = await found(keyOf(scan), { INGESTER_REDIS_ENABLED: 'false' })
    assert.deepEqual([off.verdict, off.watermark, off.claim], ['stored', { state: 'off' }, null])
    const away = await told(keyOf(scan), { INGESTER_REDIS_ADDR: '127.0.0.1:1' })
    assert.match(
      away,
      /: stored\n[^]*watermark {5}not known: Redis at 127\.0\.0\.1:1: connect ECONNREFUSED.*; check INGESTER_REDIS_ADDR/,
    )
    assert.match(away, /claim {9}not known\n {2}dead letters {2}none\n/)
  })

  test('invalid words: exit 2, with the fault and the usage, before any query', async () => {
    const nowhere = { INGESTER_POSTGRES_PORT: '1', INGESTER_REDIS_ADDR: '127.0.0.1:1' }
    for (const [words, wrong] of [
      [
        ['1.1.1', '443', 'HTTP'],
        /"ip" is not an IPv4 or IPv6 address: "1\.1\.1"; .*<ip> <port> <service>, for example: /,
      ],
      [['::1%eth0', '443', 'HTTP'], /"ip" is not an IPv4 or IPv6 address/],
      [['1.1.1.7', '65536', 'HTTP'], /"port" must be a whole number from 0 to 65535, not 65536; /],
      [['1.1.1.7', 'https', 'HTTP'], /"port" must be a whole number from 0 to 65535, not "https"; /],
      [['1.1.1.7', '443', ''], /"service" is empty/],
      [['1.1.1.7', '443'], /a key has 3 words here, not 2/],
      [
        ['5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'],
        /for example: 1\.1\.1\.7 443 HTTP; for a record of another pipeline add --pipeline \(increments, /,
      ],
      [['1.1.1.7', '443', 'My', 'service'], /not 4 \(quote one that has spaces\)/],
      [[], /missing required argument[^]*Usage: bin\/ingester why <ip> <port> <service>/],
      [['1.1.1.7', '443', 'HTTP', '--jsn'], /Did you mean --json/],
    ] as const) {
      const { code, stdout, stderr } = await ended(words, nowhere)
      assert.deepEqual([code, stdout], [2, ''], stderr)
      assert.match(stderr, wrong)
    }
    const { code, stdout, stderr } = await programEnded(['1.1.1', '443', 'HTTP'], nowhere)
    assert.deepEqual([code, stdout], [2, ''], stderr)
    assert.match(stderr, /^ingester: "ip" is not an IPv4 or IPv6 address: "1\.1\.1"; /)
  })

  test('PostgreSQL down, or without the tables: reported as by other commands', async () => {
    const away = await programEnded(['1.1.1.7', '443', 'HTTP'], { INGESTER_POSTGRES_PORT: '1' })
    assert.deepEqual([away.code, away.stdout], [3, ''])
    assert.match(
      away.stderr,
      /^ingester: PostgreSQL at 127\.0\.0\.1:1\/\w+: .*ECONNREFUSED.*; check INGESTER_POSTGRES_HOST/,
    )
    const empty = await ended(['1.1.1.7', '443', 'HTTP'], { INGESTER_POSTGRES_DB: 'template1' })
    assert.equal(empty.code, 2)
    assert.match(empty.stderr, /table scan_results does not exist; create it: bin\/ingester migrate up/)
  })

  test('a read-only role suffices', async () => {
    await system.sql.query(`CREATE ROLE looker LOGIN PASSWORD 'looker';
    GRANT SELECT ON scan_results, dead_letters, cache_epochs TO looker`)
    const scan = newScan()
    await publishUntil('written', [scan])
    const role = { INGESTER_POSTGRES_USER: 'looker', INGESTER_POSTGRES_PASSWORD: 'looker' }
    const { verdict, watermark } = await found(keyOf(scan), role)
    assert.deepEqual([verdict, watermark.state], ['stored', 'same'])
  })

  test('a locked table: exit 3, and which session to look for', async () => {
    await system.sql.query('BEGIN; LOCK TABLE scan_results')
    const { code, stderr } = await ended(['1.1.1.7', '443', 'HTTP'])
    await system.sql.query('COMMIT')
    assert.equal(code, 3)
    assert.match(
      stderr,
      /^ingester: PostgreSQL: another session has locked a table .*pg_stat_activity; then ask again\n$/,
    )
  })

  test('--help: examples first, the parts of the key, within a screen', async () => {
    const { code, stdout } = await ended(['--help'])
    assert.equal(code, 0)
    assert.match(stdout, /^Examples:\n {2}bin\/ingester why 1\.1\.1\.7 443 HTTP/)
    assert.match(stdout, /Usage: ingester why \[options\] <ip> <port> <service>\n/)
    assert.match(stdout, /ingester why --pipeline increments [\da-f-]{36} --env-file \.env\n/)
    assert.ok(stdout.split('\n').length <= 24)
  })
})
