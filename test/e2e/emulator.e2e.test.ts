import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { startIngesterProgram } from '../support/program.ts'

test('the emulator alone: prints its address, serves, and exits with 0 at a signal', async () => {
  await using emulator = startIngesterProgram(['emulator', '--port', '0'])
  const [, address = ''] = await emulator.said(/^PUBSUB_EMULATOR_HOST=(127\.0\.0\.1:\d+)$/m)
  const response = await fetch(`http://${address}/v1/projects/p/topics/scan-topic`, { method: 'PUT' })
  assert.equal(response.status, 200)
  assert.equal((await fetch(`http://${address}/faults`, { method: 'POST' })).status, 404)
  emulator.signal('SIGINT')
  await expect(emulator).toEndWith(0)
  assert.equal(emulator.stderr(), 'stopping\n')
})

test('with --faults it says who can inject faults, with --json it prints JSON', async () => {
  await using emulator = startIngesterProgram(['emulator', '--port', '0', '--faults', '--json'])
  await emulator.said(/fault injection is open to anyone who can reach http/)
  const { host, port, emulatorHost } = JSON.parse(emulator.stdout())
  assert.equal(emulatorHost, `${host}:${port}`)
  const options = { method: 'POST', body: '{"pause": true}' }
  assert.equal((await fetch(`http://${emulatorHost}/faults`, options)).status, 200)
})

test('--allow-host names the hosts and pages that it serves besides loopback', async () => {
  await using emulator = startIngesterProgram([
    'emulator',
    '--port=0',
    '--host=0.0.0.0',
    '--allow-host=pubsub',
    '--allow-host=app.example',
  ])
  const [, port = ''] = await emulator.said(/^PUBSUB_EMULATOR_HOST=0\.0\.0\.0:(\d+)$/m)
  const statusFor = async (origin: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { origin } })
    return response.status
  }
  assert.equal(await statusFor('http://pubsub:3000'), 200)
  assert.equal(await statusFor('https://app.example'), 200)
  assert.equal(await statusFor('https://evil.example'), 403)

  for (const wrong of ['http://pubsub', 'pubsub:8085', '*', '']) {
    await using refused = startIngesterProgram(['emulator', '--port=0', `--allow-host=${wrong}`])
    await expect(refused).toEndWith(2)
    assert.match(refused.stderr(), /--allow-host.*a host name or an address, without a port/)
  }
})

test('a taken or invalid port: exit 2 with the fix', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const taken = String((server.address() as AddressInfo).port)
  for (const [port, why] of [
    [taken, /cannot listen there: .*EADDRINUSE.*another --port; 0/],
    ['70000', /65535/],
    ['x', /--port/],
  ] as const) {
    await using emulator = startIngesterProgram(['emulator', '--port', port])
    await expect(emulator).toEndWith(2)
    assert.match(emulator.stderr(), why)
  }
  server.close()
})
