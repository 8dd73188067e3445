import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Environment } from './environment.ts'
import { configOf } from './config.ts'
import { ConfigFault } from './config-fault.ts'
import { faultText } from './fault-text.ts'

const postgresUrl = 'postgres://role:pass@db.example:6543/scans?sslmode=require'

const configWith = (environment: Environment) =>
  configOf({ INGESTER_PROJECTID: 'my-project', ...environment }).config

function postgresWith(url: string, more: Environment = {}): readonly unknown[] {
  const { postgres } = configWith({ INGESTER_POSTGRES_URL: url, ...more })
  const { host, port, user, password, database, sslMode } = postgres
  return [host, port, user, password(), database, sslMode]
}

function redisWith(url: string, more: Environment = {}): readonly unknown[] {
  const { redis } = configWith({ INGESTER_POSTGRES_URL: postgresUrl, INGESTER_REDIS_URL: url, ...more })
  return [redis.host, redis.port, redis.password?.(), redis.db, redis.tls]
}

function faultsOf(environment: Environment): readonly string[] {
  try {
    configWith(environment)
  } catch (error) {
    assert.ok(error instanceof ConfigFault, String(error))
    assert.equal(error.cause, undefined)
    return error.faults.map(faultText)
  }
  return []
}

describe('INGESTER_POSTGRES_URL', () => {
  for (const [url, ...parts] of [
    [postgresUrl, 'db.example', 6543, 'role', 'pass', 'scans', 'require'],
    ['postgresql://r:p@h/d', 'h', 5432, 'r', 'p', 'd', 'verify-full'],
    ['postgres://r:p@[2001:db8::1]:1/d', '2001:db8::1', 1, 'r', 'p', 'd', 'verify-full'],
    ['postgres://r:p@127.0.0.1/d?', '127.0.0.1', 5432, 'r', 'p', 'd', 'verify-full'],
    ['postgres://r%40x:p%3A%2F%3F%23%40%25%20@h/d%2Fe', 'h', 5432, 'r@x', 'p:/?#@% ', 'd/e', 'verify-full'],
    ['postgres://r:p%C3%A9@h/d', 'h', 5432, 'r', 'pé', 'd', 'verify-full'],
    ['postgres://r:a:b@h/d', 'h', 5432, 'r', 'a:b', 'd', 'verify-full'],
  ] as const) {
    test(url, () => assert.deepEqual(postgresWith(url), parts))
  }

  test('the variables of its parts take precedence', () => {
    const more = {
      INGESTER_POSTGRES_HOST: 'other',
      INGESTER_POSTGRES_PORT: '1',
      INGESTER_POSTGRES_USER: 'another',
      INGESTER_POSTGRES_PASSWORD: 'its own',
      INGESTER_POSTGRES_DB: 'else',
      INGESTER_POSTGRES_SSL_MODE: 'disable',
    }
    assert.deepEqual(postgresWith(postgresUrl, more), ['other', 1, 'another', 'its own', 'else', 'disable'])
    for (const name of Object.keys(more)) {
      const alone = postgresWith(postgresUrl, {
        [name]: Object.entries(more).find(([one]) => one === name)?.[1],
      })
      const changed = alone.filter((value, i) => value !== postgresWith(postgresUrl)[i])
      assert.equal(changed.length, 1, name)
    }
  })

  test('what it leaves out is required, or has its default', () => {
    const faults = faultsOf({ INGESTER_POSTGRES_URL: 'postgres://h' })
    const named = faults.map((fault) => /^\w+/.exec(fault)?.[0])
    assert.deepEqual(named, ['INGESTER_POSTGRES_USER', 'INGESTER_POSTGRES_PASSWORD', 'INGESTER_POSTGRES_DB'])
    const rest = { INGESTER_POSTGRES_USER: 'r', INGESTER_POSTGRES_PASSWORD: 'p', INGESTER_POSTGRES_DB: 'd' }
    assert.deepEqual(postgresWith('postgres://h', rest), ['h', 5432, 'r', 'p', 'd', 'verify-full'])
  })

  for (const [url, why] of [
    ['mysql://role:planted@h/d', /must be postgres:\/\/ or postgresql:\/\//],
    ['role:planted@h/d', /must be postgres:\/\//],
    ['postgres:role:planted@h/d', /must be postgres:\/\//],
    ['postgres://role:pla/nted@h/d', /% is written %25/],
    ['postgres://role:planted#@h/d', /% is written %25|no #/],
    ['postgres://role:planted@h/d#planted', /must have no #/],
    ['postgres://role:planted%@h/d', /its password is not valid percent-encoding/],
    ['postgres://role:planted%ff@h/d', /its password is not valid percent-encoding/],
    ['postgres://role:planted@h/d%zz', /its database is not valid percent-encoding/],
    ['postgres://role:planted@h/d\n', /contains a line ending/],
    ['postgres://role:pla nted@h/d', /must be postgres:\/\//],
    ['postgres://role:planted@h:0/d', /its port must be 1 to 65535/],
    ['postgres://role:planted@h:planted/d', /must be postgres:\/\//],
    ['postgres://role:planted@h1,planted/d', /its host must be only a host name or IP address/],
    ['postgres://role:planted@%2Fplanted/d', /must not name a Unix socket; set INGESTER_POSTGRES_HOST/],
    ['postgres:///d?user=planted', /must not have the parameter user|must name a host/],
    ['postgres:///planted', /must name a host/],
    ['postgres://role:planted@h/d/planted', /must have one \//],
    [`postgres://role:planted@h/${'planted'.repeat(10)}`, /its db must be a name of 1 to 63 bytes/],
    ['postgres://role%0aplanted:planted@h/d', /its user contains a control character/],
    ['postgres://role:planted%0a@h/d', /its password contains a control character/],
    [
      'postgres://role:planted@h/d?sslmode=planted',
      /its ssl mode must be disable, require, verify-ca or verify-full/,
    ],
    ['postgres://role:planted@h/d?sslmode=prefer', /its ssl mode must be/],
    ['postgres://role:planted@h/d?sslmode=disable&sslmode=require', /must not repeat sslmode/],
    [
      'postgres://role:planted@h/d?connect_timeout=planted',
      /the parameter connect_timeout; only sslmode is allowed/,
    ],
    ['postgres://role:planted@h/d?password=planted', /the parameter password/],
    ['postgres://role:planted@h/d?planted=1', /an unknown parameter/],
  ] as const) {
    test(`${JSON.stringify(url)} is rejected once, and not printed`, () => {
      const faults = faultsOf({ INGESTER_POSTGRES_URL: url })
      assert.equal(faults.length, 1, faults.join('\n'))
      assert.match(faults[0] ?? '', /^INGESTER_POSTGRES_URL[: ]/)
      assert.match(faults[0] ?? '', why)
      assert.doesNotMatch(faults[0] ?? '', /planted|nted/)
    })
  }
})

describe('INGESTER_REDIS_URL', () => {
  for (const [url, ...parts] of [
    ['redis://h', 'h', 6379, undefined, 0, false],
    ['rediss://:pa%40ss@h:1/9', 'h', 1, 'pa@ss', 9, true],
    ['redis://default:pass@[::1]:2', '::1', 2, 'pass', 0, false],
    ['redis://h/', 'h', 6379, undefined, 0, false],
  ] as const) {
    test(url, () => assert.deepEqual(redisWith(url), parts))
  }

  test('the variables of its parts take precedence', () => {
    const more = {
      INGESTER_REDIS_ADDR: 'other:1',
      INGESTER_REDIS_PASSWORD: 'its own',
      INGESTER_REDIS_DB: '3',
      INGESTER_REDIS_TLS: 'false',
    }
    assert.deepEqual(redisWith('rediss://:pass@h:2/4', more), ['other', 1, 'its own', 3, false])
  })

  for (const [url, why] of [
    ['redis://planted@h', /its user must be "default".*redis:\/\/:password@host/],
    ['redis://planted:planted@h', /its user must be "default"/],
    ['http://:planted@h', /must be redis:\/\/ or rediss:\/\//],
    ['redis://:planted@h/planted', /its db must be 0 to 65535/],
    ['redis://:planted@h:0', /its addr must be host:port/],
    ['redis://:planted@h?db=planted', /the parameter db; none is allowed/],
    ['redis:///planted', /must name a host/],
  ] as const) {
    test(`${url} is rejected once, and not printed`, () => {
      const faults = faultsOf({ INGESTER_POSTGRES_URL: postgresUrl, INGESTER_REDIS_URL: url })
      assert.equal(faults.length, 1, faults.join('\n'))
      assert.match(faults[0] ?? '', /^INGESTER_REDIS_URL: /)
      assert.match(faults[0] ?? '', why)
      assert.doesNotMatch(faults[0] ?? '', /planted/)
    })
  }
})
