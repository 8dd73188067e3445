import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, test } from 'vitest'
import { ConfigFault } from './config-fault.ts'
import { loadConfig, loadGatewayConfig } from './config.ts'
import { faultText } from './fault-text.ts'

const folder = mkdtempSync(join(tmpdir(), 'gateway-config-'))
const before = process.env
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  process.env = before
})

const token = 'c2f1a8d0'.repeat(4)

function load(environment: Readonly<Record<string, string>>) {
  process.env = { INGESTER_PROJECTID: 'my-project', ...environment }
  return loadGatewayConfig({})
}

function faultsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    load(environment)
  } catch (error) {
    assert.ok(error instanceof ConfigFault, String(error))
    return error.faults.map(faultText)
  }
  return []
}

function file(text: string): string {
  const path = join(folder, 'tokens')
  writeFileSync(path, text)
  return path
}

test('the gateway needs no database; all has its default', () => {
  const { config, warnings } = load({})
  assert.deepEqual(warnings, [])
  assert.deepEqual(config.gateway, {
    host: '127.0.0.1',
    port: 8080,
    tokens: undefined,
    trustedProxies: [],
    rateLimit: { requests: 60, perMs: 1000 },
    accessLog: true,
  })
})

test('every variable reaches its option', () => {
  const { gateway } = load({
    INGESTER_GATEWAY_HOST: '::1',
    INGESTER_GATEWAY_PORT: '0',
    INGESTER_GATEWAY_TOKENS: token,
    INGESTER_TRUSTED_PROXIES: '10.0.0.7, 10.1.0.0/16,fd00::/8,::1',
    INGESTER_RATE_LIMIT: '600/m',
    INGESTER_GATEWAY_ACCESS_LOG: 'false',
  }).config
  assert.deepEqual(
    { ...gateway, tokens: gateway.tokens?.() },
    {
      host: '::1',
      port: 0,
      tokens: token,
      trustedProxies: ['10.0.0.7', '10.1.0.0/16', 'fd00::/8', '::1'],
      rateLimit: { requests: 600, perMs: 60_000 },
      accessLog: false,
    },
  )
  assert.equal(load({ INGESTER_RATE_LIMIT: 'off' }).config.gateway.rateLimit, undefined)
})

test("the ingester does not look at what is the gateway's", () => {
  process.env = {
    INGESTER_PROJECTID: 'my-project',
    INGESTER_POSTGRES_USER: 'u',
    INGESTER_POSTGRES_PASSWORD: 'p',
    INGESTER_POSTGRES_DB: 'd',
    INGESTER_GATEWAY_TOKENS_FILE: join(folder, 'not-mounted'),
    INGESTER_RATE_LIMIT: 'many',
  }
  assert.deepEqual(loadConfig({}).warnings, [])
})

describe('faults', () => {
  for (const value of [
    '60',
    '60/h',
    '0/s',
    '-1/s',
    '1.5/s',
    '1e3/s',
    '10000000/s',
    'OFF',
    '60 /s',
    '60/s/m',
  ]) {
    test(`a rate limit of ${value}`, () => {
      assert.deepEqual(faultsOf({ INGESTER_RATE_LIMIT: value }), [
        `INGESTER_RATE_LIMIT: must be a number of requests such as 60/s or 600/m, or off, not "${value}"`,
      ])
    })
  }

  for (const [value, wrong] of [
    ['proxy', 'proxy'],
    ['10.0.0.0/33', '10.0.0.0/33'],
    ['10.0.0.1, 10.0.0.0/8/8', '10.0.0.0/8/8'],
    ['10.0.0.0/', '10.0.0.0/'],
    ['10.0.0', '10.0.0'],
    ['10.0.0.1,', ''],
  ]) {
    test(`trusted proxies ${value}`, () => {
      assert.deepEqual(faultsOf({ INGESTER_TRUSTED_PROXIES: value ?? '' }), [
        `INGESTER_TRUSTED_PROXIES: must be addresses or networks such as 10.0.0.7 or 10.0.0.0/8, separated by commas, not "${wrong}"`,
      ])
    })
  }

  test('what may be a part of a secret is not repeated', () => {
    const [fault = ''] = faultsOf({ INGESTER_TRUSTED_PROXIES: 'fd00::/129' })
    assert.match(fault, /^INGESTER_TRUSTED_PROXIES: must be addresses or networks/)
    assert.ok(!fault.includes('fd00'))
  })

  for (const [name, value] of [
    ['INGESTER_GATEWAY_PORT', '65536'],
    ['INGESTER_GATEWAY_HOST', 'http://here'],
    ['INGESTER_GATEWAY_ACCESS_LOG', 'yes'],
  ] as const) {
    test(`${name}=${value}`, () => {
      const [fault, ...others] = faultsOf({ [name]: value })
      assert.match(fault ?? '', new RegExp(`^${name}: must be `))
      assert.deepEqual(others, [])
    })
  }
})

describe('tokens', () => {
  test('are the lines of a file, read again each time', () => {
    const { tokens } = load({ INGESTER_GATEWAY_TOKENS_FILE: file(`${token}\n`) }).config.gateway
    assert.equal(tokens?.(), token)
    file(`${token}\r\n\n${token}-next\n`)
    assert.deepEqual(tokens?.().split(/[\r\n]+/), [token, `${token}-next`])
    file('')
    assert.throws(() => tokens?.(), /empty/)
  })

  for (const [what, text, fault] of [
    [
      'a short one',
      `${token}\nhunter2\n`,
      /TOKENS_FILE \S+ has a token of fewer than 16 characters \(line 2\); make one with: openssl rand -hex 32$/,
    ],
    ['one with a blank', `${token} ${token}`, /TOKENS_FILE \S+ has a token with a blank/],
    [
      'one with a letter that no header has',
      `hunter2${'\u00e9'.repeat(20)}`,
      / has a token with a blank or a character/,
    ],
    ['blank lines alone', ' \n \n', /has no token/],
    ['nothing', '\n', /is empty/],
  ] as const) {
    test(`${what} is a fault that does not repeat it`, () => {
      const [said = '', ...others] = faultsOf({ INGESTER_GATEWAY_TOKENS_FILE: file(text) })
      assert.match(said, fault)
      assert.deepEqual(others, [])
      assert.ok(!said.includes('hunter') && !said.includes(token))
    })
  }
})
