// What people do about messages that could not be stored: find them, understand them, redrive or discard them.
import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repeatedBy } from '#core/identity.ts'
import { encodeScan } from '#demo/scans/scan.ts'
import type { Scan } from '#demo/scans/scan.ts'
import { publish } from '#pubsub/publisher.ts'
import {
  arrived,
  deadLetters,
  deadLettersProgram,
  statuses,
  storeDeadLetters,
} from '../support/dead-letters.ts'
import { runInProcess } from '../support/in-process.ts'
import { startIngesterProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { startSystem, until } from '../support/system.ts'
import { onTerminal } from '../support/terminal.ts'

const good: Scan = { ip: '1.1.1.7', port: 443, service: 'HTTP', timestamp: 1_700_000_000, response: 'hello' }
const refused: Scan = { ...good, service: 'TELNET' }

test('a row rejected by a constraint: found, explained, the constraint dropped, redriven, stored', async () => {
  // Neighbours in one batch show that it is the row, and not the table.
  await using system = await startSystem({ INGESTER_FLUSH_INTERVAL: '500ms', INGESTER_WORKER_COUNT: '1' })
  await system.sql.query(`ALTER TABLE scan_results ADD CONSTRAINT no_telnet CHECK (service <> 'TELNET')`)
  const attributes = { source: 'test' }
  await publish(system.clients, system.topic, [
    { data: encodeScan(good, 2) },
    { data: encodeScan(refused, 1), attributes, orderingKey: 'k' },
  ])
  await using run = startIngesterProgram(['run'], { env: system.env })
  await until(
    async () => (await statuses(system)).length,
    (count) => count === 1,
  )

  const list = await deadLettersProgram(system, ['list'])
  assert.equal(list.code, 0, list.stderr)
  assert.match(list.stdout, /^refused-by-database +1 .*no_telnet/m)
  assert.match(list.stdout, /^ *1 .* refused-by-database +1\/1 +table scan_results: .*no_telnet/m)

  const show = await deadLettersProgram(system, ['show', '1'])
  assert.equal(show.code, 0, show.stderr)
  assert.match(show.stdout, /^detail +table scan_results: .*\[23514\] \(constraint no_telnet\)/m)
  assert.match(show.stdout, /^ {2}source +test$/m)
  assert.match(show.stdout, /^ {2}"service": "TELNET",$/m)
  assert.match(show.stdout, /Fix what the detail names.*\n {2}bin\/ingester dead-letters redrive --ids 1$/m)

  await system.sql.query('ALTER TABLE scan_results DROP CONSTRAINT no_telnet')
  const redrive = await deadLettersProgram(system, ['redrive', '--ids', '1', '--yes', '--json'])
  assert.equal(redrive.code, 0, redrive.stderr)
  assert.deepEqual(JSON.parse(redrive.stdout), {
    topic: system.topic,
    selected: 1,
    published: 1,
    skipped: 0,
    failed: 0,
    left: 0,
  })
  const rows = await until(
    () => system.scans(),
    (scans) => scans.length === 2,
  )
  assert.deepEqual(
    rows.find(({ service }) => service === 'TELNET'),
    refused,
  )

  const after = await deadLettersProgram(system, ['list'])
  assert.deepEqual([after.code, after.stdout], [0, ''])
  assert.match(after.stderr, /^no new dead letters$/m)
  assert.match((await deadLettersProgram(system, ['show', '1'])).stdout, /^dead letter 1, redriven\n/)
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)
  assert.equal((await statuses(system)).length, 1, 'nothing new was dead-lettered')
})

test('a message that fails again is a new dead letter, and redriving it increases the count', async () => {
  await using system = await startSystem()
  await using run = startIngesterProgram(['run'], { env: system.env })
  await publish(system.clients, system.topic, [{ data: Buffer.from('no JSON'), attributes: { a: 'b' } }])
  for (const count of [1, 2, 3]) {
    await until(
      async () => (await statuses(system)).length,
      (letters) => letters === count,
    )
    if (count < 3) assert.equal((await deadLetters(system, ['redrive', '--yes'])).code, 0)
  }
  assert.deepEqual(await statuses(system), ['redriven', 'redriven', 'new'])
  const { rows } = await system.sql.query(
    'SELECT attributes, data, message_id, publish_time FROM dead_letters ORDER BY id',
  )
  const first = repeatedBy(rows[0]?.message_id, rows[0]?.publish_time.getTime())
  assert.deepEqual(
    rows.map(({ attributes }) => attributes),
    [
      { a: 'b' },
      { a: 'b', ...first, ingester_redrive_count: '1' },
      { a: 'b', ...first, ingester_redrive_count: '2' },
    ],
  )
  assert.ok(rows.every(({ data }) => String(data) === 'no JSON'))
  assert.match((await deadLetters(system, ['show', '3'])).stdout, /^redriven before +2 times$/m)
  run.signal('SIGTERM')
  await run.ended
})

describe('list, show and discard', async () => {
  let system: TestSystem
  beforeAll(async () => {
    system = await startSystem({}, { superuser: true })
  })
  afterAll(() => system[Symbol.asyncDispose]())

  /** 1 and 2 bad-ip, 3 not-json and two hours old, 4 discarded, 5 of another pipeline. */
  async function fill(): Promise<void> {
    await system.sql.query('TRUNCATE dead_letters RESTART IDENTITY')
    await storeDeadLetters(system, [
      {},
      { detail: 'x'.repeat(300) },
      { reason: 'not-json' },
      { reason: 'bad-port' },
      { reason: 'bad-port' },
    ])
    await system.sql.query(`UPDATE dead_letters SET last_seen_at = now() - interval '2 h' WHERE id = 3`)
    await system.sql.query(`UPDATE dead_letters SET status = 'discarded' WHERE id = 4`)
    await system.sql.query(`UPDATE dead_letters SET pipeline = 'others' WHERE id = 5`)
  }

  test('list: every filter, and the limit', async () => {
    await fill()
    const expected: readonly (readonly [args: string[], ids: number[], total: number])[] = [
      [[], [1, 2, 3, 5], 4],
      [['--status', 'all'], [1, 2, 3, 4, 5], 5],
      [['--status', 'discarded'], [4], 1],
      [['--status', 'redriven'], [], 0],
      [['--pipeline', 'others'], [5], 1],
      [['--reason', 'bad-ip'], [1, 2], 2],
      [['--reason', 'not-json, bad-port'], [3, 5], 2],
      [['--since', '90m'], [1, 2, 5], 3],
      [['--ids', '2, 3,4'], [2, 3], 2],
      [['--limit', '1', '--reason', 'bad-ip'], [2], 2],
    ]
    for (const [args, ids, total] of expected) {
      const { code, stdout } = await deadLetters(system, ['list', '--json', ...args])
      assert.equal(code, 0)
      const listing = JSON.parse(stdout)
      assert.deepEqual(listing.letters.map(({ id }: { id: number }) => id).toSorted(), ids, args.join(' '))
      assert.equal(listing.total, total, args.join(' '))
    }
  })

  test('list --json has what the tables have, and more; tables have colours only on a terminal', async () => {
    await fill()
    const listing = JSON.parse((await deadLetters(system, ['list', '--json'])).stdout)
    assert.deepEqual(Object.keys(listing), ['reasons', 'total', 'letters'])
    const [reason] = listing.reasons
    assert.deepEqual(Object.keys(reason), ['reason', 'count', 'oldest', 'newest', 'example'])
    assert.deepEqual([reason.reason, reason.count], ['bad-ip', 2])
    const { firstSeenAt, lastSeenAt, ...letter } = listing.letters.find(({ id }: { id: number }) => id === 1)
    assert.ok(Date.parse(firstSeenAt) <= Date.parse(lastSeenAt))
    assert.deepEqual(letter, {
      id: 1,
      pipeline: 'scans',
      status: 'new',
      reason: 'bad-ip',
      detail: 'why',
      deliveryAttempt: 1,
      timesSeen: 1,
      subscription: system.subscription,
      messageId: 'm0',
      publishTime: '2024-01-29T00:00:00.000Z',
      orderingKey: '',
      dataBytes: 6,
      cut: false,
      escaped: false,
      redriveCount: 0,
    })
    const { stdout, stderr } = await deadLetters(system, ['list', '--limit', '2'])
    assert.ok(!stdout.includes('\u001b'))
    assert.match(stdout, /x{300}$/m, 'nothing is cut where no terminal has an edge')
    assert.match(stderr, /^2 of 4; more with --limit/m)
  })

  test('show: what comes back as it is can only be published as new, and why that needs thought', async () => {
    await fill()
    const said = {
      'too-old': /what has counted since then is forgotten/,
      'identity-reused': /Another message with the same identity and other values has counted/,
      'bad-identity': /which message or request it repeats/,
    }
    for (const [reason, why] of Object.entries(said)) {
      await storeDeadLetters(system, [{ messageId: reason, reason }])
      const { rows } = await system.sql.query('SELECT id FROM dead_letters WHERE reason = $1', [reason])
      const { stdout } = await deadLetters(system, ['show', rows[0].id])
      assert.match(stdout, why)
      assert.match(stdout, new RegExp(`dead-letters redrive --ids ${rows[0].id} --as-new$`, 'm'))
    }
  })

  test('show --json: data as text or as base64; an unknown id: exit 2', async () => {
    await fill()
    await storeDeadLetters(system, [
      { messageId: 'binary', data: Buffer.from([0, 0xff]), attributes: { a: 'b' } },
    ])
    const { rows } = await system.sql.query(`SELECT id FROM dead_letters WHERE message_id = 'binary'`)
    const binary = JSON.parse((await deadLetters(system, ['show', '--json', rows[0].id])).stdout)
    assert.deepEqual([binary.data, binary.dataEncoding, binary.attributes], ['AP8=', 'base64', { a: 'b' }])
    const text = JSON.parse((await deadLetters(system, ['show', '--json', '1'])).stdout)
    assert.deepEqual([text.data, text.dataEncoding], ['data 1', 'utf8'])
    assert.ok(text.next.join('\n').includes('redrive --ids 1'))
    const discarded = JSON.parse((await deadLetters(system, ['show', '--json', '4'])).stdout)
    assert.ok(discarded.next.join('\n').includes('redrive --ids 4 --status discarded'))

    // What to run next reads the same file.
    const file = ['--env-file', '/dev/null']
    const next = (await deadLetters(system, ['show', '4', ...file])).stdout
    assert.match(next, /bin\/ingester dead-letters redrive --ids 4 --status discarded --env-file \/dev\/null/)
    const list = await deadLetters(system, ['list', '--status', 'all', ...file])
    assert.match(list.stderr, /bin\/ingester dead-letters show <id> --env-file \/dev\/null/)
    const gone = await deadLetters(system, ['show', '99', ...file])
    assert.match(gone.stderr, /bin\/ingester dead-letters list --status all --env-file \/dev\/null/)

    const nothing = await deadLetters(system, ['show', '99'])
    assert.equal(nothing.code, 2)
    assert.match(nothing.stderr, /there is no dead letter 99; to list them: bin\/ingester dead-letters list/)
  })

  test('discard marks what the filters select, keeps the rows, and reports what it skipped', async () => {
    await fill()
    const dry = await deadLetters(system, ['discard', '--reason', 'bad-ip', '--dry-run'])
    assert.equal(dry.code, 0)
    assert.match(dry.stderr, /^2 would be discarded$/m)
    assert.match(dry.stdout, /^ *1 .*bad-ip: why$/m)
    const json = JSON.parse(
      (await deadLetters(system, ['discard', '--limit', '1', '--dry-run', '--json'])).stdout,
    )
    assert.deepEqual([json.dryRun, json.selected, json.letters[0].id], [true, 1, 1])
    assert.deepEqual(await statuses(system), ['new', 'new', 'new', 'discarded', 'new'])

    const done = await deadLettersProgram(system, [
      'discard',
      '--ids',
      '2,3,4',
      '--reason',
      'bad-ip,bad-port',
      '--yes',
    ])
    assert.deepEqual([done.code, done.stdout], [0, 'selected 1, discarded 1, skipped 0\n'])
    assert.match(done.stderr, /^dead letter 3: --reason leaves it out$/m)
    assert.match(done.stderr, /^dead letter 4: it is discarded; --status discarded selects it$/m)
    assert.deepEqual(await statuses(system), ['new', 'discarded', 'new', 'discarded', 'new'])

    const rest = await deadLetters(system, [
      'discard',
      '--since',
      '1h',
      '--pipeline',
      'scans',
      '--yes',
      '--json',
    ])
    assert.deepEqual(JSON.parse(rest.stdout), { selected: 1, discarded: 1, skipped: 0 })
    assert.deepEqual(await statuses(system), ['discarded', 'discarded', 'new', 'discarded', 'new'])
    const unknown = await deadLetters(system, [
      'discard',
      '--ids',
      '1,98,99',
      '--status',
      'redriven',
      '--yes',
    ])
    assert.equal(unknown.code, 2)
    assert.match(unknown.stderr, /there are no dead letters 98, 99/)
  })

  test('invalid usage: exit 2, what is expected, and nothing is done', async () => {
    await fill()
    const wrong: readonly (readonly [args: string[], expected: RegExp])[] = [
      [['shwo'], /Did you mean show\?/],
      [['show'], /missing required argument 'id'/],
      [['show', 'x'], /must be a whole number of at least 1, not "x"/],
      [['show', '0'], /must be a whole number/],
      [['list', '--limit', '0'], /--limit.*must be a whole number of at least 1/],
      [['list', '--since', '3 days'], /--since.*must be a duration such as/],
      [['list', '--since', '0'], /--since.*more than 0/],
      [['list', '--since', '9999999h'], /--since.*at most 876000h/],
      [['list', '--ids', '1,x'], /--ids.*must be a whole number/],
      [['list', '--ids', ''], /--ids.*must be a whole number/],
      [['list', '--status', 'old'], /--status.*Allowed choices are new, redriven, discarded, all/],
      [['list', '--yes'], /unknown option '--yes'/],
      [['redrive', '--status', 'all', '--yes'], /Allowed choices are new, redriven, discarded\./],
      [['discard', '--status', 'discarded', '--yes'], /Allowed choices are new, redriven\./],
      [['redrive'], /redrive needs confirmation.*no terminal: add --yes, or --dry-run/],
      [['discard'], /discard needs confirmation.*no terminal: add --yes, or --dry-run/],
      [
        ['redrive', '--pipeline', 'nope', '--yes'],
        /--pipeline: unknown pipeline "nope" \(available: scans, increments; /,
      ],
    ]
    for (const [args, expected] of wrong) {
      const { code, stdout, stderr } = await deadLetters(system, args)
      assert.deepEqual([code, stdout], [2, ''], args.join(' '))
      assert.match(stderr, expected, args.join(' '))
    }
    assert.deepEqual(await statuses(system), ['new', 'new', 'new', 'discarded', 'new'])
    assert.deepEqual(arrived(system), [])
  })

  test('help: examples first, exit 0, less than a screen', async () => {
    for (const name of ['', 'list', 'show', 'redrive', 'discard']) {
      const { code, stdout } = await deadLetters(system, [...(name ? [name] : []), '--help'])
      assert.equal(code, 0)
      assert.match(stdout, /^Examples:/)
      assert.ok(stdout.split('\n').length <= 30, name)
    }
  })

  test('missing configuration: exit 2 with every fault; a database that is down: exit 3', async () => {
    await using without = startIngesterProgram(['dead-letters', 'list'])
    await expect(without).toEndWith(2)
    assert.match(without.stderr(), /INGESTER_POSTGRES_USER is not set/)
    assert.doesNotMatch(without.stderr(), /INGESTER_PROJECTID/)
    const { INGESTER_PROJECTID: _, ...rest } = system.env
    const redrive = await runInProcess(['dead-letters', 'redrive', '--dry-run'], rest)
    assert.equal(redrive.code, 2)
    assert.match(redrive.stderr, /INGESTER_PROJECTID is not set; for example/)
    for (const args of [['list'], ['show', '1'], ['discard', '--yes'], ['redrive', '--yes']]) {
      const { code, stderr } = await deadLetters(system, args, { INGESTER_POSTGRES_PORT: '1' })
      assert.equal(code, 3, stderr)
      assert.match(stderr, /PostgreSQL at 127.0.0.1:1.*check INGESTER_POSTGRES_HOST/)
    }
  })

  test('a table that answers too late: exit 2 with the fix', async () => {
    await fill()
    await system.sql.query('BEGIN; LOCK TABLE dead_letters')
    const { code, stderr } = await deadLetters(system, ['list'], {
      INGESTER_POSTGRES_STATEMENT_TIMEOUT: '500ms',
    })
    await system.sql.query('COMMIT')
    assert.equal(code, 2)
    assert.match(stderr, /table dead_letters: .*\[57014\]; raise INGESTER_POSTGRES_STATEMENT_TIMEOUT/)
  })

  test('a read-only role: list and show work, the others name the missing grant', async () => {
    await fill()
    await system.sql.query(`CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT SELECT ON dead_letters TO reader`)
    const env = { INGESTER_POSTGRES_USER: 'reader', INGESTER_POSTGRES_PASSWORD: 'r' }
    assert.equal((await deadLetters(system, ['list'], env)).code, 0)
    assert.equal((await deadLetters(system, ['show', '1'], env)).code, 0)
    const discard = await deadLetters(system, ['discard', '--yes'], env)
    assert.equal(discard.code, 2)
    assert.match(discard.stderr, /GRANT SELECT, UPDATE ON dead_letters TO reader/)
    await system.sql.query('ALTER TABLE dead_letters RENAME TO gone')
    const gone = await deadLetters(system, ['list'])
    await system.sql.query('ALTER TABLE gone RENAME TO dead_letters')
    assert.equal(gone.code, 2)
    assert.match(gone.stderr, /table dead_letters does not exist; create it: bin\/ingester migrate up/)
  })

  test('on a terminal it asks first: no and Ctrl-C do nothing, yes proceeds; details end at the edge', async () => {
    await fill()
    for (const [answer, expected] of [
      ['n', /nothing was discarded/],
      ['\u0003', /nothing was discarded/],
    ] as const) {
      assert.match(await deadLettersOnTerminal(['discard', '--ids', '1'], answer), expected)
      assert.deepEqual(await statuses(system), ['new', 'new', 'new', 'discarded', 'new'])
    }
    assert.match(
      await deadLettersOnTerminal(['redrive', '--ids', '1'], 'n'),
      /every subscription of the topic receives/,
    )
    assert.deepEqual(arrived(system), [])
    assert.match(
      await deadLettersOnTerminal(['redrive', '--ids', '1'], 'y'),
      /redriving: 1 of 1[^]*published 1/,
    )
    assert.match(await deadLettersOnTerminal(['discard', '--ids', '2'], 'y'), /discarded 1/)
    assert.deepEqual(await statuses(system), ['redriven', 'discarded', 'new', 'discarded', 'new'])
    assert.equal(arrived(system).length, 1)

    const listed = await deadLettersOnTerminal(['list', '--status', 'all'])
    assert.ok(listed.includes('\u001b[1m'))
    assert.match(listed, /x…/)
    assert.ok(!(await deadLettersOnTerminal(['list'], undefined, { NO_COLOR: '1' })).includes('\u001b[1m'))
  })

  async function deadLettersOnTerminal(
    args: readonly string[],
    key?: string,
    extra: Readonly<Record<string, string>> = {},
  ) {
    const line = `exec bin/ingester dead-letters ${args.join(' ')}`
    return (await onTerminal(line, { key, env: { ...system.env, ...extra } })).seen
  }
})
