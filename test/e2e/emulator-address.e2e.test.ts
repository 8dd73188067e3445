// Where an emulator is, as people write it, and an environment that would send everything through a proxy.
import assert from 'node:assert/strict'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmulator } from '#emulator/emulator.ts'
import { runInProcess } from '../support/in-process.ts'
import { startIngesterProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { startSystem } from '../support/system.ts'

let system: TestSystem
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

/** Nothing listens there; every connection through it fails. */
const deadProxy = 'http://127.0.0.1:1'
const proxies: Record<string, string> = {}
for (const name of ['grpc_proxy', 'https_proxy', 'http_proxy', 'all_proxy']) {
  proxies[name] = deadProxy
  proxies[name.toUpperCase()] = deadProxy
}

/** Runs until it consumes, and stops it. */
async function consumes(env: Readonly<Record<string, string>>): Promise<void> {
  await using run = startIngesterProgram(['run'], { env: { ...system.env, ...env } })
  await run.said(/"msg":"consuming"/)
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)
}

async function pubsubCheck(env: Readonly<Record<string, string>>) {
  await using doctor = startIngesterProgram(['doctor', '--json'], { env: { ...system.env, ...env } })
  await doctor.ended
  const { checks } = JSON.parse(doctor.stdout()) as {
    checks: { name: string; status: string; detail: string }[]
  }
  return checks.find(({ name }) => name === 'pubsub') ?? assert.fail(doctor.stdout())
}

test('IPv6 and a scheme are understood, by the service and by the doctor', async () => {
  await using emulator = await startEmulator({ port: 0, host: '::1' })
  await consumes({ PUBSUB_EMULATOR_HOST: emulator.emulatorHost })
  const check = await pubsubCheck({ PUBSUB_EMULATOR_HOST: `http://${emulator.emulatorHost}` })
  assert.equal(check.status, 'ok', check.detail)
})

test('without a port: exit 2 at once with the right form, in every command that would use it', async () => {
  const env = { ...system.env, PUBSUB_EMULATOR_HOST: '127.0.0.1' }
  const rule = /PUBSUB_EMULATOR_HOST: must be host:port, for example 127\.0\.0\.1:8085 .* the port is missing/
  const programs = [['run'], ['doctor'], ['demo'], ['stack', 'up']].map(async (args) => {
    await using program = startIngesterProgram(args, { env })
    await expect(program).toEndWith(2)
    assert.match(program.stdout() + program.stderr(), rule)
  })
  await Promise.all(programs)
  const redrive = await runInProcess(['dead-letters', 'redrive', '--yes'], env)
  assert.equal(redrive.code, 2)
  assert.match(redrive.stderr, rule)
})

test('whatever proxies the environment names, an emulator is reached directly', async () => {
  await consumes(proxies)
  const check = await pubsubCheck(proxies)
  assert.equal(check.status, 'ok', check.detail)
  await using demo = startIngesterProgram(['demo', '--for', '1s', '--json'], { env: proxies })
  await expect(demo).toEndWith(0)
})
