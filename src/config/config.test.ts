import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { describe, test } from 'vitest'
import type { Config } from './config.ts'
import { configOf, gatewayConfigOf, loadConfig } from './config.ts'
import type { Environment } from './environment.ts'
import { ConfigFault } from './config-fault.ts'
import { faultText } from './fault-text.ts'
import { secretFiles } from './secrets.ts'
import { groups, spec } from './spec.ts'

const needed = {
  INGESTER_PROJECTID: 'my-project',
  INGESTER_POSTGRES_USER: 'scanner',
  INGESTER_POSTGRES_PASSWORD: 'hunter2',
  INGESTER_POSTGRES_DB: 'scanner_dev',
}
/** With the secrets that its functions give. */
function revealed({ postgres, redis, ...others }: Config): object {
  return {
    ...others,
    postgres: { ...postgres, password: postgres.password() },
    redis: { ...redis, password: redis.password?.() },
  }
}

const configWith = (environment: Environment) => configOf({ ...needed, ...environment }).config

function faultIn(environment: Environment, pipelines?: readonly string[]): ConfigFault | undefined {
  return faultOf(() => configOf(environment, pipelines ? { pipelines } : {}))
}

function faultOf(load: () => unknown): ConfigFault | undefined {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof ConfigFault, String(error))
    return error
  }
  return undefined
}

function faultsOf(environment: Environment, pipelines?: readonly string[]): readonly string[] {
  return (faultIn(environment, pipelines)?.faults ?? []).map(faultText)
}

/** Of the configuration that has the variable. */
function faultsOfOne(name: string, value: string): readonly string[] {
  const environment = { ...needed, PUBSUB_EMULATOR_HOST: 'h:1', [name]: value }
  const isGateway = Object.hasOwn(groups.gateway, name.replace(/_FILE$/, ''))
  const load = () =>
    isGateway ? gatewayConfigOf(environment) : configOf(environment, { pipelines: ['scans'] })
  return (faultOf(load)?.faults ?? []).map(faultText)
}

/** Short, and in one line. */
const shown = (value: string) => JSON.stringify(value.slice(0, 30)).slice(1, -1)

test('an unknown pipeline is reported together with all other faults', () => {
  const faults = faultsOf({ INGESTER_PIPELINE: 'nope', INGESTER_FLUSH_INTERVAL: 'soon' }, ['scans', 'words'])
  assert.equal(faults.length, 6)
  assert.ok(
    faults.includes(
      'INGESTER_PIPELINE: unknown pipeline "nope" (available: scans, words; or the path of a mapping file or a module: orders.pipeline.yaml, ./orders.ts)',
    ),
  )
  assert.deepEqual(faultsOf({ ...needed, INGESTER_PIPELINE: 'words' }, ['scans', 'words']), [])
})

test('what is wrong with --pipeline is reported under that name', () => {
  const faultsOfOption = (...pipeline: readonly string[]) => {
    try {
      loadConfig({ pipeline }, ['scans', 'words'])
    } catch (error) {
      assert.ok(error instanceof ConfigFault)
      return error.faults.map(faultText).filter((text) => /pipeline/i.test(text))
    }
    return assert.fail('nothing is wrong')
  }
  assert.deepEqual(faultsOfOption('scans', 'nope'), [
    '--pipeline: unknown pipeline "nope" (available: scans, words; or the path of a mapping file or a module: orders.pipeline.yaml, ./orders.ts)',
  ])
  assert.match(
    faultsOfOption('postgres://u:p@h/d').join(),
    /^--pipeline: must be names or paths[^,]*, [^@]*$/,
  )
  const one = '; for several pipelines repeat it'
  assert.deepEqual(faultsOfOption('./a,b.ts', 'scans'), [
    `--pipeline: must be one name or path, without a comma, not "./a,b.ts"${one}`,
  ])
  assert.match(faultsOfOption('').join(), /^--pipeline: must be one name or path/)
})

test('with the required variables set, all others have their defaults', () => {
  const workers = availableParallelism()
  assert.deepEqual(revealed(configWith({})), {
    pipelines: ['scans'],
    pubsub: {
      projectId: 'my-project',
      topicId: undefined,
      subscriptionId: undefined,
      emulatorHost: undefined,
    },
    consumer: { ackDeadlineMs: 30_000, maxOutstandingMessages: 20_000, maxOutstandingBytes: 104_857_600 },
    limits: { maxMessageBytes: 10_485_760, maxClockSkewMs: 86_400_000 },
    postgres: {
      host: 'localhost',
      port: 5432,
      user: 'scanner',
      password: 'hunter2',
      database: 'scanner_dev',
      sslMode: 'verify-full',
      authoritiesFile: undefined,
      statementTimeoutMs: 30_000,
    },
    redis: {
      enabled: true,
      host: 'localhost',
      port: 6379,
      password: undefined,
      db: 0,
      tls: false,
      authoritiesFile: undefined,
      ttlMs: 604_800_000,
      claims: true,
    },
    engine: {
      workers,
      poolSize: workers + 2,
      maxBatchRecords: 1000,
      maxBatchBytes: 8_388_608,
      flushIntervalMs: undefined,
      deleteHorizonMs: 691_200_000,
      identityHorizonMs: 691_200_000,
      idempotencyWindowMs: 86_400_000,
    },
    startupTimeoutMs: 60_000,
    shutdownTimeoutMs: 25_000,
    log: { level: 'info', output: 'json' },
    http: { host: '127.0.0.1', port: 9400 },
  })
})

test('every variable reaches its option', () => {
  const values = {
    INGESTER_PIPELINE: 'scans',
    INGESTER_PIPELINES: 'others',
    INGESTER_PROJECTID: 'p',
    INGESTER_TOPICID: 'a-topic',
    INGESTER_SUBSCRIPTIONID: 'a-sub',
    PUBSUB_EMULATOR_HOST: 'localhost:8085',
    INGESTER_ACK_DEADLINE: '600s',
    INGESTER_MAX_OUTSTANDING_MESSAGES: '7',
    INGESTER_MAX_OUTSTANDING_BYTES: '2KiB',
    INGESTER_MAX_MESSAGE_BYTES: '1KiB',
    INGESTER_MAX_CLOCK_SKEW: '0',
    INGESTER_POSTGRES_URL: 'postgres://other:secret@other:1/other',
    INGESTER_POSTGRES_HOST: 'db',
    INGESTER_POSTGRES_PORT: '65535',
    INGESTER_POSTGRES_USER: 'u',
    INGESTER_POSTGRES_PASSWORD: ' p w ',
    INGESTER_POSTGRES_DB: 'd',
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    INGESTER_POSTGRES_POOL_SIZE: '3',
    INGESTER_POSTGRES_STATEMENT_TIMEOUT: '1m',
    INGESTER_REDIS_ENABLED: 'false',
    INGESTER_REDIS_URL: 'redis://:secret@other:2/2',
    INGESTER_REDIS_ADDR: 'cache:1',
    INGESTER_REDIS_PASSWORD: ' r w ',
    INGESTER_REDIS_DB: '65535',
    INGESTER_REDIS_TLS: 'true',
    INGESTER_REDIS_TTL: '90s',
    INGESTER_REDIS_CLAIMS: 'false',
    INGESTER_WORKER_COUNT: '3',
    INGESTER_MAX_BATCH_SIZE: '1',
    INGESTER_MAX_BATCH_BYTES: '1',
    INGESTER_FLUSH_INTERVAL: '0',
    INGESTER_DELETE_HORIZON: '24h',
    INGESTER_IDENTITY_HORIZON: '48h',
    INGESTER_IDEMPOTENCY_WINDOW: '1h',
    INGESTER_GATEWAY_HOST: '::1',
    INGESTER_GATEWAY_PORT: '0',
    INGESTER_GATEWAY_TOKENS: 'a token of some length'.replaceAll(' ', '-'),
    INGESTER_TRUSTED_PROXIES: '10.0.0.7, 10.1.0.0/16,fd00::/8',
    INGESTER_RATE_LIMIT: '600/m',
    INGESTER_GATEWAY_ACCESS_LOG: 'false',
    INGESTER_STARTUP_TIMEOUT: '1s',
    INGESTER_SHUTDOWN_TIMEOUT: '1500ms',
    INGESTER_LOG_LEVEL: 'silent',
    INGESTER_LOG_OUTPUT: 'console',
    INGESTER_HTTP_HOST: '::',
    INGESTER_HTTP_PORT: '0',
  }
  assert.deepEqual(Object.keys(values).sort(), Object.keys(spec).sort(), 'the test knows every variable')
  const { config, warnings } = configOf({ ...values, NODE_EXTRA_CA_CERTS: '/etc/ca.pem' })
  assert.deepEqual(warnings, [])
  assert.deepEqual(revealed(config), {
    pipelines: ['others'],
    pubsub: {
      projectId: 'p',
      topicId: 'a-topic',
      subscriptionId: 'a-sub',
      emulatorHost: 'localhost:8085',
    },
    consumer: { ackDeadlineMs: 600_000, maxOutstandingMessages: 7, maxOutstandingBytes: 2048 },
    limits: { maxMessageBytes: 1024, maxClockSkewMs: 0 },
    postgres: {
      host: 'db',
      port: 65_535,
      user: 'u',
      password: ' p w ',
      database: 'd',
      sslMode: 'disable',
      authoritiesFile: '/etc/ca.pem',
      statementTimeoutMs: 60_000,
    },
    redis: {
      enabled: false,
      host: 'cache',
      port: 1,
      password: ' r w ',
      db: 65_535,
      tls: true,
      authoritiesFile: '/etc/ca.pem',
      ttlMs: 90_000,
      claims: false,
    },
    engine: {
      workers: 3,
      poolSize: 3,
      maxBatchRecords: 1,
      maxBatchBytes: 1,
      flushIntervalMs: 0,
      deleteHorizonMs: 86_400_000,
      identityHorizonMs: 172_800_000,
      idempotencyWindowMs: 3_600_000,
    },
    startupTimeoutMs: 1000,
    shutdownTimeoutMs: 1500,
    log: { level: 'silent', output: 'console' },
    http: { host: '::', port: 0 },
  })
})

describe('an address', () => {
  for (const [text, host, port] of [
    ['localhost:6379', 'localhost', 6379],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['a-host.example.com:65535', 'a-host.example.com', 65_535],
    ['[::1]:6379', '::1', 6379],
    ['[fe80::1%eth0]:6380', 'fe80::1%eth0', 6380],
  ] as const) {
    test(`${text} is ${host} and ${port}`, () => {
      const { redis } = configWith({ INGESTER_REDIS_ADDR: text })
      assert.deepEqual([redis.host, redis.port], [host, port])
    })
  }
})

test('a URL for an address is rejected without being printed: it may contain a password', () => {
  const url = 'redis://user:planted-secret@localhost:6379'
  assert.throws(
    () => configWith({ INGESTER_REDIS_ADDR: url }),
    (error: Error) => {
      assert.match(error.message, /INGESTER_REDIS_ADDR.*host:port.*not a URL.*INGESTER_REDIS_URL$/s)
      assert.doesNotMatch(error.message, /planted/)
      return true
    },
  )
})

describe("an emulator's address", () => {
  const hostOf = (value: string) => configWith({ PUBSUB_EMULATOR_HOST: value }).pubsub.emulatorHost
  for (const [value, expected] of [
    ['127.0.0.1:8085', '127.0.0.1:8085'],
    ['localhost:1', 'localhost:1'],
    ['pubsub_emulator.svc:65535', 'pubsub_emulator.svc:65535'],
    ['[::1]:8085', '[::1]:8085'],
    ['http://127.0.0.1:8085', '127.0.0.1:8085'],
    ['HTTP://[::1]:8085', '[::1]:8085'],
  ] as const) {
    test(`${value} is read as ${expected}`, () => assert.equal(hostOf(value), expected))
  }
  for (const [value, why] of [
    ['127.0.0.1', /not "127\.0\.0\.1": the port is missing/],
    ['localhost:', /the port is missing/],
    ['http://localhost', /the port is missing/],
    ['[::1]', /the port is missing/],
    ['8085', /the port is missing/],
    ['::1:8085', /an IPv6 address needs brackets/],
    ['[nonsense]:8085', /not "\[nonsense\]:8085"/],
    [':8085', /not ":8085"/],
    ['127.0.0.1:0', /not "127\.0\.0\.1:0"/],
    ['127.0.0.1:99999', /not "127\.0\.0\.1:99999"/],
    ['127.0.0.1:-1', /the port is missing/],
    [' 127.0.0.1:8085', /it contains blanks/],
    ['127.0.0.1:8085\n', /not "127\.0\.0\.1:8085\\n": it contains blanks/],
    ['"127.0.0.1:8085"', /not "\\"127/],
    ['https://127.0.0.1:8085', /emulators speak no TLS/],
    ['ftp://127.0.0.1:8085', /any scheme but http:/],
    ['127.0.0.1:8085/', /without user, password, path/],
    ['http://127.0.0.1:8085/?key=planted', /without user, password, path/],
    ['u:planted@127.0.0.1:8085', /without user, password, path/],
  ] as const) {
    test(`${JSON.stringify(value)} is rejected with the reason and the right form`, () => {
      assert.throws(
        () => hostOf(value),
        (error: Error) => {
          assert.match(
            error.message,
            /PUBSUB_EMULATOR_HOST: must be host:port, for example 127\.0\.0\.1:8085/,
          )
          assert.match(error.message, why)
          assert.doesNotMatch(error.message, /planted/)
          return true
        },
      )
    })
  }
})

test('a flag is true or false, whatever its default', () => {
  for (const name of ['ENABLED', 'TLS', 'CLAIMS']) {
    for (const value of [true, false]) {
      const { redis } = configWith({ [`INGESTER_REDIS_${name}`]: String(value) })
      assert.deepEqual(
        Object.entries(redis).find(([key]) => key === name.toLowerCase()),
        [name.toLowerCase(), value],
      )
    }
  }
})

test('keys are remembered for a second to a year', () => {
  const ttlMs = (text: string) => configWith({ INGESTER_REDIS_TTL: text }).redis.ttlMs
  assert.deepEqual([ttlMs('1s'), ttlMs('8760h')], [1000, 31_536_000_000])
})

describe('faults', () => {
  test('a missing variable is named, with an example', () => {
    const faults = faultsOf({})
    assert.deepEqual(
      faults.map((fault) => fault.split(' ')[0]),
      ['INGESTER_PROJECTID', 'INGESTER_POSTGRES_USER', 'INGESTER_POSTGRES_PASSWORD', 'INGESTER_POSTGRES_DB'],
    )
    for (const fault of faults) assert.match(fault, /^(\w+) is not set; for example \1=./)
    assert.match(faults[2] ?? '', /INGESTER_POSTGRES_PASSWORD_FILE/)
  })

  test('all are reported at once: missing ones, invalid ones, and invalid combinations', () => {
    const fault = faultIn({
      INGESTER_POSTGRES_USER: 'scanner',
      INGESTER_POSTGRES_PASSWORD: 'hunter2',
      INGESTER_POSTGRES_DB: 'scanner_dev',
      INGESTER_ACK_DEADLINE: '5s',
      INGESTER_LOG_LEVEL: 'loud',
      INGESTER_WORKER_COUNT: '4',
      INGESTER_POSTGRES_POOL_SIZE: '3',
      INGESTER_MAX_OUTSTANDING_BYTES: '1MiB',
    })
    assert.ok(fault)
    const named = fault.faults.map((one) => [one.kind, 'variable' in one ? one.variable : undefined])
    assert.deepEqual(named, [
      ['missing', 'INGESTER_PROJECTID'],
      ['malformed', 'INGESTER_ACK_DEADLINE'],
      ['malformed', 'INGESTER_LOG_LEVEL'],
      ['conflict', 'INGESTER_MAX_OUTSTANDING_BYTES'],
      ['conflict', 'INGESTER_POSTGRES_POOL_SIZE'],
    ])
    for (const one of fault.faults) assert.ok(fault.message.includes(faultText(one)))
  })

  test('a combination is not judged while one of its values is invalid', () => {
    const fault = faultIn({ ...needed, INGESTER_PROJECTID: 'demo', PUBSUB_EMULATOR_HOST: 'localhost' })
    const named = fault?.faults.map((one) => [one.kind, 'variable' in one ? one.variable : undefined])
    assert.deepEqual(named, [['malformed', 'PUBSUB_EMULATOR_HOST']])
  })

  test('are data: the kind, the variable, the printable part of the value and its source', () => {
    const places = { INGESTER_LOG_LEVEL: { file: '.env', line: 7 } }
    const environment = { ...needed, INGESTER_PROJECTID: undefined, INGESTER_LOG_LEVEL: 'loud' }
    assert.throws(
      () => configOf({ ...environment, INGESTER_HTTP_HOST: 'postgres://u:hunter2@h' }, { places }),
      (error) => {
        assert.ok(error instanceof ConfigFault)
        assert.deepEqual(JSON.parse(JSON.stringify(error.faults)), [
          { kind: 'missing', variable: 'INGESTER_PROJECTID', example: 'my-project' },
          {
            kind: 'malformed',
            variable: 'INGESTER_LOG_LEVEL',
            rule: 'must be one of trace, debug, info, warn, error, silent',
            value: { kind: 'text', text: 'loud' },
            place: { file: '.env', line: 7 },
          },
          {
            kind: 'malformed',
            variable: 'INGESTER_HTTP_HOST',
            rule: 'must be only a host name or IP address',
            value: { kind: 'url' },
          },
        ])
        return true
      },
    )
  })

  const notAddresses = [
    'localhost',
    'localhost:',
    'localhost:0',
    'localhost:65536',
    'localhost:-1',
    'localhost:6379x',
    `localhost:${'9'.repeat(400)}`,
    ':6379',
    '6379',
    ' ',
    ' localhost:6379',
    'localhost:6379 ',
    'local host:6379',
    'localhost: 6379',
    'localhost:6379\n',
    '::1:6379',
    '::1',
    '[::1]',
    '[]:6379',
    '[::1:6379',
    '[::1]6379',
    'localhost:6379/0',
    'user@localhost:6379:1',
  ]
  const notFlags = ['TRUE', 'False', '1', '0', 'yes', 'no', 'on', 't', ' true', 'false ', ' ']
  const wrong: readonly (readonly [name: string, value: string, fix: RegExp])[] = [
    ['INGESTER_PROJECTID', 'my-project\n', /not "my-project\\n"$/],
    ['INGESTER_PROJECTID', '"my-project"', /not "\\"my-project\\""; leave out the quotes/],
    ['INGESTER_PROJECTID', 'my-pro\u{200b}ject', /not "my-pro\\u\{200b\}ject"$/],
    ['INGESTER_SUBSCRIPTIONID', 'scan-sub\r', /not "scan-sub\\r"$/],
    ['INGESTER_POSTGRES_DB', 'scans\u{a0}', /not "scans\\u\{a0\}"$/],
    ['INGESTER_HTTP_HOST', ' ::1', /not " ::1"$/],
    ['INGESTER_ACK_DEADLINE', '9s', /from 10s to 600s/],
    ['INGESTER_ACK_DEADLINE', '11m', /from 10s to 600s/],
    ['INGESTER_ACK_DEADLINE', '30', /10s, 100ms or 72h/],
    ['INGESTER_FLUSH_INTERVAL', '-1s', /a duration such as/],
    ['INGESTER_POSTGRES_STATEMENT_TIMEOUT', '0', /from 100ms to 500h/],
    ['INGESTER_SHUTDOWN_TIMEOUT', '1000h', /to 500h/],
    ['INGESTER_MAX_CLOCK_SKEW', '3 days', /72h/],
    ['INGESTER_MAX_MESSAGE_BYTES', '10MB', /100MiB/],
    ['INGESTER_MAX_MESSAGE_BYTES', '0', /more than 0/],
    ['INGESTER_MAX_OUTSTANDING_MESSAGES', '0', /from 1 to/],
    ['INGESTER_MAX_BATCH_SIZE', '1e3', /a whole number from 1/],
    ['INGESTER_WORKER_COUNT', '2.5', /a whole number/],
    ['INGESTER_POSTGRES_PORT', 'abc', /from 1 to 65535/],
    ['INGESTER_POSTGRES_PORT', '0', /from 1 to 65535/],
    ['INGESTER_HTTP_PORT', '65536', /from 0 to 65535/],
    ['INGESTER_POSTGRES_SSL_MODE', 'prefer', /disable, require, verify-ca, verify-full/],
    ['INGESTER_LOG_LEVEL', 'INFO', /trace, debug, info/],
    ['INGESTER_LOG_OUTPUT', 'text', /json, console, gcp/],
    ['INGESTER_POSTGRES_USER', ' ', /must be a name of 1 to 63 bytes/],
    ['INGESTER_TOPICID', 'projects/p/topics/t', /3 to 255 letters, digits/],
    ['INGESTER_SUBSCRIPTIONID', '1sub', /begins with a letter/],
    ...notAddresses.map((value) => ['INGESTER_REDIS_ADDR', value, /host:port, for example/] as const),
    ...notFlags.flatMap((value) =>
      ['ENABLED', 'TLS', 'CLAIMS'].map((name) => [`INGESTER_REDIS_${name}`, value, /true or false/] as const),
    ),
    ['INGESTER_REDIS_DB', '-1', /from 0 to 65535/],
    ['INGESTER_REDIS_DB', '65536', /from 0 to 65535/],
    ['INGESTER_REDIS_TTL', '999ms', /from 1s to 8760h/],
    ['INGESTER_REDIS_TTL', '8760.1h', /from 1s to 8760h/],
    ['INGESTER_REDIS_TTL', '0', /from 1s to 8760h/],
    ['INGESTER_REDIS_TTL', '259200', /10s, 100ms or 72h/],
  ]
  for (const [name, value, fix] of wrong) {
    test(`${name}=${shown(value)} is one, with its fix`, () => {
      const faults = faultsOf({ ...needed, [name]: value })
      assert.equal(faults.length, 1, faults.join('\n'))
      const [fault = ''] = faults
      assert.ok(fault.startsWith(`${name}: must `), fault)
      assert.match(fault, fix)
    })
  }

  test('a byte limit that no message fits into is one', () => {
    const faults = faultsOf({ ...needed, INGESTER_MAX_OUTSTANDING_BYTES: '10485759' })
    assert.match(
      faults.join(),
      /^INGESTER_MAX_OUTSTANDING_BYTES must not be less than INGESTER_MAX_MESSAGE_BYTES/,
    )
    assert.deepEqual(faultsOf({ ...needed, INGESTER_MAX_OUTSTANDING_BYTES: '10485760' }), [])
  })

  test('fewer connections than workers is one', () => {
    const sizes = (workers: string, pool: string) => ({
      ...needed,
      INGESTER_WORKER_COUNT: workers,
      INGESTER_POSTGRES_POOL_SIZE: pool,
    })
    assert.match(
      faultsOf(sizes('5', '4')).join(),
      /^INGESTER_POSTGRES_POOL_SIZE must .* INGESTER_WORKER_COUNT/,
    )
    assert.deepEqual(faultsOf(sizes('5', '5')), [])
  })

  test('none contains the password', () => {
    const broken = Object.fromEntries(Object.keys(spec).map((name) => [name, '\t']))
    const fault = faultIn({ ...broken, INGESTER_POSTGRES_PASSWORD: 'hunter2' })
    assert.ok(fault && fault.faults.length > 20, 'everything else is wrong')
    assert.ok(!JSON.stringify([fault.message, fault.faults]).includes('hunter2'))
  })

  test('nor that of a URL in any variable', () => {
    const url = 'postgres://user:hunter2@127.0.0.1:1/database'
    for (const name of [...Object.keys(spec), ...secretFiles]) {
      const faults = faultsOfOne(name, url)
      assert.ok(!faults.join().includes('hunter2'), faults.join())
      assert.equal(faults.length > 0, !/PASSWORD$|POSTGRES_URL$|TOKENS$/.test(name), name)
    }
  })

  test('nor what looks like a user and a password, or like a line of .pgpass', () => {
    const mayHoldAnything = /PASSWORD$|TOKENS$/
    for (const value of ['user:hunter2', '127.0.0.1:5432:database:user:hunter2', 'user:hunter2@127.0.0.1']) {
      for (const name of Object.keys(spec).filter((one) => !mayHoldAnything.test(one))) {
        const faults = faultsOfOne(name, value)
        assert.equal(faults.length, 1, `${name}=${value}`)
        assert.ok(!faults.join().includes('hunter2'), faults.join())
      }
    }
  })

  test('nor that of Redis', () => {
    const broken = Object.fromEntries(Object.keys(spec).map((name) => [name, '\t']))
    const fault = faultIn({ ...broken, INGESTER_REDIS_PASSWORD: 'hunter3' })
    assert.ok(fault && fault.faults.length > 20, 'everything else is wrong')
    assert.ok(!JSON.stringify([fault.message, fault.faults]).includes('hunter3'))
  })
})

describe('warnings', () => {
  const warningsOf = (environment: Environment) =>
    configOf({ ...needed, ...environment }).warnings.map(faultText)

  test('an unknown name of ours is one, and no fault', () => {
    assert.deepEqual(warningsOf({ INGESTER_DEAD_LETTER: 'table' }), [
      'INGESTER_DEAD_LETTER: unknown variable, ignored',
    ])
    assert.deepEqual(warningsOf({ INGESTER_SERVICE_HOST: '10.0.0.1', INGESTER_TOPIC_ID: 'x' }), [
      'INGESTER_SERVICE_HOST: unknown variable, ignored',
      'INGESTER_TOPIC_ID: unknown variable, ignored; did you mean INGESTER_TOPICID?',
    ])
  })

  test('so is one in other letter case or with other separators, and in a file one that is merely similar', () => {
    const names = ['ingester_worker_count', 'INGESTER-WORKER_COUNT', 'INGESTR_WORKER_COUNT', 'PATH']
    const environment = { ...needed, ...Object.fromEntries(names.map((name) => [name, '2'])) }
    const hint = ': unknown variable, ignored; did you mean INGESTER_WORKER_COUNT?'
    const always = [`ingester_worker_count${hint}`, `"INGESTER-WORKER_COUNT"${hint}`]
    assert.deepEqual(configOf(environment).warnings.map(faultText), always)
    const places = Object.fromEntries(names.map((name) => [name, { file: '.env', line: 1 }]))
    assert.deepEqual(
      configOf(environment, { places }).warnings.map(faultText),
      [...always, `INGESTR_WORKER_COUNT${hint}`].map((one) => `${one} (.env, line 1)`),
    )
  })

  test('a variable that is not a secret has no file', () => {
    assert.deepEqual(warningsOf({ INGESTER_REDIS_ADDR_FILE: '/run/secrets/a' }), [
      'INGESTER_REDIS_ADDR_FILE: unknown variable, ignored',
    ])
  })

  test('the names of other programs are ignored', () => {
    assert.deepEqual(warningsOf({ HOME: '/root', INGESTER: 'x', PUBSUB_EMULATOR_HOST: 'localhost:1' }), [])
    const files = { INGESTER_POSTGRES_PASSWORD: '', INGESTER_POSTGRES_PASSWORD_FILE: '/etc/hostname' }
    assert.deepEqual(warningsOf({ ...files, INGESTER_REDIS_PASSWORD_FILE: '/etc/hostname' }), [])
  })
})
