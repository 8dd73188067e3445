import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { loadConfig, loadDatabaseConfig, loadRedriveConfig, loadStoresConfig } from './config.ts'
import { readSources } from './environment.ts'
import { ConfigFault } from './config-fault.ts'
import { faultText } from './fault-text.ts'
import { loadScannerConfig } from './scanner.ts'

const folder = mkdtempSync(join(tmpdir(), 'ingester-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

function file(text: string): string {
  files += 1
  const path = join(folder, `file-${files}`)
  writeFileSync(path, text)
  return path
}

const isOurs = (name: string) => /^(INGESTER_|PUBSUB_)/.test(name)
const outside = Object.fromEntries(Object.entries(process.env).filter(([name]) => isOurs(name)))

function setEnvironment(values: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env).filter(isOurs)) delete process.env[name]
  Object.assign(process.env, values)
}

beforeAll(() => setEnvironment({}))
afterEach(() => setEnvironment({}))
afterAll(() => setEnvironment(outside))

const environmentOf = (envFile: string) => readSources(envFile).environment

function faultsOf(load: () => unknown): readonly string[] {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof ConfigFault, String(error))
    return error.faults.map(faultText)
  }
  return []
}

const password = 'INGESTER_POSTGRES_PASSWORD'
const postgres = { INGESTER_POSTGRES_USER: 'u', INGESTER_POSTGRES_DB: 'd' }

describe('the env file', () => {
  test('the environment takes precedence over it', () => {
    setEnvironment({ INGESTER_TOPICID: 'of-the-environment' })
    const read = environmentOf(file('INGESTER_TOPICID=of-the-file\nINGESTER_PROJECTID="p" # comment\n'))
    assert.equal(read['INGESTER_TOPICID'], 'of-the-environment')
    assert.equal(read['INGESTER_PROJECTID'], 'p')
  })

  test('does not change the environment of the process', () => {
    environmentOf(file('INGESTER_TOPICID=of-the-file'))
    assert.equal(process.env['INGESTER_TOPICID'], undefined)
  })

  test('an unreadable one is a fault with its path', () => {
    assert.match(
      faultsOf(() => loadConfig({ envFile: join(folder, 'no-such') }))[0] ?? '',
      /^the env file ".*no-such" cannot be read: ENOENT/,
    )
  })
})

describe('faults of an env file', () => {
  const right = 'INGESTER_POSTGRES_URL=postgres://u:p@h/d\n'

  test('are reported at once: invalid lines and values, with their line numbers, and unknown names', () => {
    const path = file(
      `${right}FOO BAR=1\nINGESTER_WORKER_COUNT=two\nINGESTER_NOPE=1\nINGESTER_PROJECTID="x\n`,
    )
    assert.throws(
      () => loadConfig({ envFile: path }),
      (error) => {
        assert.ok(error instanceof ConfigFault)
        assert.deepEqual(
          error.message.split('\n').map((line) => line.replaceAll(path, 'FILE').trim()),
          [
            'invalid configuration:',
            'FILE, line 2: there is a blank in the name; write NAME=value, or # in front of a comment',
            'FILE, line 5: the quote " is not closed',
            'INGESTER_PROJECTID is not set; for example INGESTER_PROJECTID=my-project',
            'INGESTER_WORKER_COUNT: must be a whole number from 1 to 256, not "two" (FILE, line 3)',
            'warning: INGESTER_NOPE: unknown variable, ignored (FILE, line 4)',
          ],
        )
        return true
      },
    )
  })

  test('a byte order mark is ignored; another encoding is a fault', () => {
    const text = `INGESTER_PROJECTID=my-project\n${right}`
    assert.equal(loadConfig({ envFile: file(`\u{feff}${text}`) }).config.pubsub.projectId, 'my-project')
    for (const bytes of [
      Buffer.from(text, 'utf16le'),
      Buffer.from(`\u{feff}${text}`, 'utf16le'),
      Buffer.from(`\u{feff}${text}`, 'utf16le').swap16(),
      Buffer.from(`${text}# é`, 'latin1'),
    ]) {
      const path = file('')
      writeFileSync(path, bytes)
      assert.match(faultsOf(() => loadConfig({ envFile: path })).join(), /^the env file .*save it as UTF-8$/)
    }
  })
})

describe('an empty value counts as unset', () => {
  test('in the environment and in the file', () => {
    setEnvironment({ INGESTER_TOPICID: '', INGESTER_LOG_LEVEL: '' })
    const read = environmentOf(file('INGESTER_PROJECTID=\nINGESTER_LOG_LEVEL=debug\n'))
    assert.ok(!Object.hasOwn(read, 'INGESTER_TOPICID') && !Object.hasOwn(read, 'INGESTER_PROJECTID'))
    assert.equal(read['INGESTER_LOG_LEVEL'], 'debug', 'of the file, since the environment has none')
  })

  test('so a default takes its place, and a required one is reported as missing', () => {
    setEnvironment({ ...postgres, [password]: '', INGESTER_POSTGRES_PORT: '' })
    assert.match(faultsOf(() => loadDatabaseConfig()).join(), /^INGESTER_POSTGRES_PASSWORD is not set/)
    setEnvironment({ ...postgres, [password]: 'x', INGESTER_POSTGRES_PORT: '' })
    assert.equal(loadDatabaseConfig().postgres.port, 5432)
  })
})

describe('a secret in a file', () => {
  for (const [text, secret] of [
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['\u{feff}hunter2\n', 'hunter2'],
    [' hunter 2 ', ' hunter 2 '],
  ] as const) {
    test(`${JSON.stringify(text)} is ${JSON.stringify(secret)}: one newline at the end is not part of it`, () => {
      setEnvironment({ ...postgres, [`${password}_FILE`]: file(text) })
      assert.equal(loadDatabaseConfig().postgres.password(), secret)
    })
  }

  const wrong: readonly (readonly [what: string, environment: () => NodeJS.ProcessEnv, fix: RegExp])[] = [
    [
      'a file set together with the variable',
      () => ({ [password]: 'hunter2', [`${password}_FILE`]: file('hunter3') }),
      /both set; keep one/,
    ],
    [
      'a missing file',
      () => ({ [`${password}_FILE`]: join(folder, 'no-such') }),
      /_FILE .*no-such cannot be read: ENOENT/,
    ],
    ['a folder', () => ({ [`${password}_FILE`]: folder }), /cannot be read: EISDIR/],
    ['an empty file', () => ({ [`${password}_FILE`]: file('\n') }), /is empty; it must hold the secret/],
  ]
  for (const [what, environment, fix] of wrong) {
    test(`${what} is a fault, reported once and together with all others`, () => {
      setEnvironment({ ...environment(), INGESTER_PROJECTID: 'my-project', INGESTER_POSTGRES_PORT: 'x' })
      const faults = faultsOf(() => loadConfig({}))
      const about = faults.filter((fault) => fault.startsWith(password))
      assert.equal(about.length, 1, faults.join('\n'))
      assert.match(about[0] ?? '', fix)
      assert.deepEqual(
        faults
          .map((fault) => /^\w+/.exec(fault)?.[0] ?? '')
          .slice(1)
          .sort(),
        ['INGESTER_POSTGRES_DB', 'INGESTER_POSTGRES_PORT', 'INGESTER_POSTGRES_USER'],
      )
      assert.ok(!faults.join().includes('hunter'))
    })
  }
})

describe("Redis's password", () => {
  const complete = { ...postgres, [password]: 'x', INGESTER_PROJECTID: 'my-project' }
  const redisPassword = 'INGESTER_REDIS_PASSWORD'

  test('is read from its file, beside that of PostgreSQL, without the newline at the end', () => {
    const files = { [`${password}_FILE`]: file('hunter2\n'), [`${redisPassword}_FILE`]: file('hunter3\n') }
    setEnvironment({ ...postgres, INGESTER_PROJECTID: 'my-project', ...files })
    const { config, warnings } = loadConfig({})
    assert.deepEqual([config.postgres.password(), config.redis.password?.()], ['hunter2', 'hunter3'])
    assert.deepEqual(warnings, [])
  })

  test('is absent if it is unset or empty', () => {
    for (const none of [{}, { [redisPassword]: '' }, { [`${redisPassword}_FILE`]: '' }]) {
      setEnvironment({ ...complete, ...none })
      assert.equal(loadConfig({}).config.redis.password, undefined)
    }
  })

  test('is a fault if it is set twice, or its file is empty or missing', () => {
    for (const [wrong, fix] of [
      [{ [redisPassword]: 'hunter2', [`${redisPassword}_FILE`]: file('hunter3') }, /both set; keep one/],
      [{ [`${redisPassword}_FILE`]: file('\n') }, /is empty; it must hold the secret/],
      [{ [`${redisPassword}_FILE`]: join(folder, 'no-such') }, /cannot be read: ENOENT/],
    ] as const) {
      setEnvironment({ ...complete, ...wrong })
      const faults = faultsOf(() => loadConfig({}))
      assert.equal(faults.length, 1, faults.join('\n'))
      assert.ok(faults[0]?.startsWith(redisPassword))
      assert.match(faults[0] ?? '', fix)
      assert.ok(!faults.join().includes('hunter'))
    }
  })
})

describe('commands that read both stores', () => {
  test('need nothing of Pub/Sub, and ignore its variables', () => {
    setEnvironment({
      ...postgres,
      [password]: 'x',
      INGESTER_REDIS_ADDR: 'r:1',
      INGESTER_REDIS_PASSWORD_FILE: file('of-redis'),
      INGESTER_MAX_MESSAGE_BYTES: '200MiB',
      INGESTER_MAX_OUTSTANDING_BYTES: '300MiB',
      INGESTER_MAX_CLOCK_SKEW: '1h',
      INGESTER_ACK_DEADLINE: '1s',
      INGESTER_HTTP_PORT: 'x',
    })
    const { redis, limits } = loadStoresConfig()
    assert.deepEqual([redis.host, redis.port, redis.password?.()], ['r', 1, 'of-redis'])
    assert.deepEqual(limits, { maxMessageBytes: 200 * 2 ** 20, maxClockSkewMs: 3_600_000 })
  })

  test('report faults in what they need', () => {
    setEnvironment({ ...postgres, INGESTER_REDIS_ADDR: 'nowhere' })
    assert.equal(faultsOf(() => loadStoresConfig()).length, 2)
  })
})

describe('commands that need only PostgreSQL', () => {
  test('need nothing else, and ignore the other variables', () => {
    setEnvironment({ ...postgres, [password]: 'x', INGESTER_LOG_LEVEL: 'loud', INGESTER_ACK_DEADLINE: '1s' })
    assert.equal(loadDatabaseConfig().postgres.database, 'd')
    setEnvironment({ ...postgres, [password]: 'x', INGESTER_REDIS_ADDR: 'nowhere', INGESTER_PIPELINEZ: ' ' })
    assert.equal(loadDatabaseConfig().postgres.database, 'd')
  })

  test('ignore an unreadable Redis password', () => {
    setEnvironment({
      ...postgres,
      [password]: 'x',
      INGESTER_REDIS_PASSWORD_FILE: join(folder, 'no-such'),
    })
    assert.deepEqual(
      faultsOf(() => loadDatabaseConfig()),
      [],
    )
  })

  test('know the configured pipeline', () => {
    setEnvironment({ ...postgres, [password]: 'x' })
    assert.equal(loadDatabaseConfig().pipelines.join(), 'scans')
    setEnvironment({ ...postgres, [password]: 'x', INGESTER_PIPELINE: 'others' })
    assert.equal(loadDatabaseConfig().pipelines.join(), 'others')
    setEnvironment({ ...postgres, [password]: 'x', INGESTER_PIPELINE: ' ' })
    assert.match(
      faultsOf(() => loadDatabaseConfig()).join(),
      /^INGESTER_PIPELINE: must be text without surrounding blanks/,
    )
  })

  test('open no pool, whatever its size', () => {
    setEnvironment({ ...postgres, [password]: 'x', INGESTER_POSTGRES_POOL_SIZE: '1' })
    assert.equal(loadDatabaseConfig().postgres.database, 'd')
  })
})

describe('a command that publishes to the topic', () => {
  test('also needs the project, and nothing that it does not use', () => {
    setEnvironment({
      ...postgres,
      [password]: 'x',
      INGESTER_ACK_DEADLINE: '1s',
      INGESTER_POSTGRES_POOL_SIZE: '1',
    })
    assert.deepEqual(
      faultsOf(() => loadRedriveConfig()),
      ['INGESTER_PROJECTID is not set; for example INGESTER_PROJECTID=my-project'],
    )
    const ours = {
      INGESTER_PROJECTID: 'my-project',
      INGESTER_TOPICID: 'topic',
      INGESTER_STARTUP_TIMEOUT: '1s',
    }
    setEnvironment({
      ...postgres,
      [password]: 'x',
      ...ours,
      PUBSUB_EMULATOR_HOST: 'localhost:1',
      INGESTER_PIPELINE: 'a',
    })
    const { pipelines, startupTimeoutMs, pubsub } = loadRedriveConfig()
    assert.deepEqual([pipelines, startupTimeoutMs], [['a'], 1000])
    assert.deepEqual(
      [pubsub.projectId, pubsub.topicId, pubsub.emulatorHost],
      ['my-project', 'topic', 'localhost:1'],
    )
  })

  test('reports the faults of each of them', () => {
    setEnvironment({
      ...postgres,
      [password]: 'x',
      INGESTER_PROJECTID: ' ',
      INGESTER_TOPICID: '1',
      INGESTER_STARTUP_TIMEOUT: 'x',
    })
    const named = faultsOf(() => loadRedriveConfig()).map((fault) => /^\w+/.exec(fault)?.[0])
    assert.deepEqual(named, ['INGESTER_PROJECTID', 'INGESTER_TOPICID', 'INGESTER_STARTUP_TIMEOUT'])
  })
})

test('the scanner publishes where the original scanner does, by default', () => {
  const usual = { projectId: 'test-project', topicId: 'scan-topic', emulatorHost: undefined }
  assert.deepEqual(loadScannerConfig(), usual)
  setEnvironment({ INGESTER_TOPICID: 'other', INGESTER_PROJECTID: '' })
  const target = loadScannerConfig(file('PUBSUB_EMULATOR_HOST=localhost:1\nINGESTER_TOPICID=x'))
  assert.deepEqual(target, { ...usual, topicId: 'other', emulatorHost: 'localhost:1' })
})
