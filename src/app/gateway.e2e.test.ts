// The whole gateway over real sockets, with a broker that is started and killed.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Emulator } from '#emulator/emulator.ts'
import { startEmulator } from '#emulator/emulator.ts'
import type { Environment } from '#config/environment.ts'
import { gatewayConfigOf } from '#config/config.ts'
import { noLogger } from '#core/logger.ts'
import { systems } from '#systems/registry.ts'
import { until } from '../../test/support/postgres.ts'
import type { Program } from '../../test/support/program.ts'
import { startIngesterProgram } from '../../test/support/program.ts'
import { startGateway } from './gateway.ts'

const subscription = 'projects/test-project/subscriptions/increments-sub'
const key = '6f8cc1b0-5c0f-4c5e-9d6b-0d3d3f8f4b52'

const environmentOf = ({ emulatorHost }: Emulator): Record<string, string> => ({
  INGESTER_PROJECTID: 'test-project',
  PUBSUB_EMULATOR_HOST: emulatorHost,
  INGESTER_REDIS_ENABLED: 'false',
  INGESTER_GATEWAY_PORT: '0',
  INGESTER_HTTP_PORT: '0',
})

async function start(emulator: Emulator, more: Environment = {}) {
  const { config } = gatewayConfigOf({ ...environmentOf(emulator), ...more })
  return startGateway(config, systems, noLogger)
}

function increment(
  url: string,
  value = 1,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${url}/increment`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ key, value }),
  })
}

const messagesOf = (emulator: Emulator) => emulator.inspect(subscription).messages

describe('the gateway', { concurrent: true }, () => {
  test('creates topic and subscription of an emulator before it listens, and answers when the broker has a message', async () => {
    await using emulator = await startEmulator({ port: 0 })
    await using gateway = await start(emulator)
    assert.deepEqual(messagesOf(emulator), [])
    assert.deepEqual(gateway.routes, [
      {
        system: 'increments',
        route: 'POST /increment',
        topic: 'projects/test-project/topics/increments',
        subscription,
      },
    ])
    const response = await increment(gateway.url, 5)
    assert.equal(response.status, 200)
    const [message] = messagesOf(emulator)
    assert.deepEqual(JSON.parse(String(message?.data)), { key, value: 5 })
    assert.ok(message?.attributes['ingester-message-id'])
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    assert.match(text, /ingester_gateway_requests_total\{route="POST \/increment",status="200"\} 1\n/)
    assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200)
  })

  test('INGESTER_TOPICID and INGESTER_SUBSCRIPTIONID name the topic of the only door', async () => {
    await using emulator = await startEmulator({ port: 0 })
    await using gateway = await start(emulator, {
      INGESTER_TOPICID: 'other',
      INGESTER_SUBSCRIPTIONID: 'other-sub',
    })
    assert.equal((await increment(gateway.url)).status, 200)
    assert.equal(emulator.inspect('projects/test-project/subscriptions/other-sub').messages.length, 1)
  })

  test('an emulator that was killed: 503, not sent; started again without its topic: accepted again', async () => {
    const first = await startEmulator({ port: 0 })
    await using gateway = await start(first)
    assert.equal((await increment(gateway.url)).status, 200)
    await first.close()
    const refused = increment(gateway.url)
    await using second = await startEmulator({ port: first.port })
    const response = await refused
    assert.equal(response.status, 503)
    assert.equal(((await response.json()) as { code: string }).code, 'not-sent')
    await until(async () => (await increment(gateway.url, 7)).status === 200)
    assert.deepEqual(
      messagesOf(second).map(({ data }) => JSON.parse(String(data)).value),
      [7],
    )
  })
})

async function started(emulator: Emulator, more: Readonly<Record<string, string>> = {}) {
  const program = startIngesterProgram(['gateway', '--port', '0', '--systems', 'increments'], {
    env: { ...environmentOf(emulator), ...more },
  })
  const [, url = ''] = await program.said(/"url":"(http:[^"]+)"/)
  return { program, url }
}

const lines = (program: Program) =>
  program
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly msg: string; readonly level: number })

describe('ingester gateway', { concurrent: true }, () => {
  test('SIGTERM: open requests are answered, and it exits with 0', async () => {
    await using emulator = await startEmulator({ port: 0 })
    const { program, url } = await started(emulator)
    await using _ = program
    assert.equal((await increment(url)).status, 200)
    emulator.faults.dropReplies('Publish', { times: 1 })
    const open = increment(url)
    await until(async () => messagesOf(emulator).length === 2)
    program.signal('SIGTERM')
    const response = await open
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('connection'), 'close')
    assert.equal(await program.ended, 0)
    assert.equal(lines(program).at(-1)?.msg, 'stopped: all open requests were answered')
  })

  test('a second signal: what was sent is unknown, and it exits with 5', async () => {
    await using emulator = await startEmulator({ port: 0 })
    const { program, url } = await started(emulator)
    await using _ = program
    emulator.faults.dropReplies('Publish', { share: 1 })
    const open = increment(url)
    await until(async () => messagesOf(emulator).length > 0)
    program.signal('SIGTERM')
    await program.said(/stopping: finishing open requests/)
    program.signal('SIGTERM')
    const response = await open
    assert.equal(response.status, 503)
    assert.equal(((await response.json()) as { code: string }).code, 'outcome-unknown')
    assert.equal(await program.ended, 5)
  })

  test('tokens come from a file; without one a request is refused', async () => {
    await using emulator = await startEmulator({ port: 0 })
    const token = 'planted-token-0123456789'
    const { program, url } = await started(emulator, {
      INGESTER_GATEWAY_TOKENS: `${token}\nanother-token-0123456789`,
    })
    await using _ = program
    assert.equal((await increment(url)).status, 401)
    assert.equal((await increment(url, 1, { authorization: `Bearer ${token}` })).status, 200)
    program.signal('SIGTERM')
    assert.equal(await program.ended, 0)
    assert.ok(!program.stderr().includes('planted-token'))
  })

  for (const [what, args, env, message] of [
    [
      'an unknown system',
      ['--systems', 'nope'],
      {},
      /--systems: unknown system \\"nope\\" \(available: increments/,
    ],
    [
      'a bad variable',
      [],
      { INGESTER_RATE_LIMIT: 'many' },
      /INGESTER_RATE_LIMIT: must be a number of requests/,
    ],
    ['a bad option', ['--systems', 'increments,'], {}, /must be different names/],
  ] as const) {
    test(`${what}: exits with 2 and says why`, async () => {
      const base = { INGESTER_PROJECTID: 'p', PUBSUB_EMULATOR_HOST: '127.0.0.1:1' }
      await using program = startIngesterProgram(['gateway', ...args], { env: { ...base, ...env } })
      assert.equal(await program.ended, 2)
      assert.match(program.stderr(), message)
    })
  }

  test('a port that is taken: exits with 2 and names the variables', async () => {
    await using emulator = await startEmulator({ port: 0 })
    await using program = startIngesterProgram(['gateway', '--port', String(emulator.port)], {
      env: environmentOf(emulator),
    })
    assert.equal(await program.ended, 2)
    assert.match(
      program.stderr(),
      /the gateway's address 127\.0\.0\.1:\d+: .*EADDRINUSE.*INGESTER_GATEWAY_PORT/,
    )
  })

  test('no broker within the startup timeout: exits with 3', async () => {
    await using program = startIngesterProgram(['gateway'], {
      env: {
        INGESTER_PROJECTID: 'p',
        PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
        INGESTER_REDIS_ENABLED: 'false',
        INGESTER_STARTUP_TIMEOUT: '500ms',
      },
    })
    assert.equal(await program.ended, 3)
    assert.match(program.stderr(), /the Pub\/Sub emulator at 127\.0\.0\.1:1 was not reachable/)
  })
})
