import assert from 'node:assert/strict'
import { test } from 'vitest'
import { freePort, host, reach } from './ports.ts'
import { startPubsub } from './pubsub.ts'

test('a given emulator that does not answer is an error', async () => {
  const emulatorHost = `${host}:${await freePort(0)}`
  await assert.rejects(
    startPubsub({ emulatorHost }),
    /nothing answers at PUBSUB_EMULATOR_HOST=.*ECONNREFUSED/,
  )
})

test('the embedded emulator starts, can be given to another, and ends', async () => {
  const emulator = await startPubsub({ port: 0 })
  const given = await startPubsub({ emulatorHost: emulator.emulatorHost })
  assert.equal(given.kind, 'given')
  assert.equal(given.port, emulator.port)
  await given.stop()
  await reach(emulator, 1_000)
  await emulator.stop()
  await assert.rejects(reach(emulator, 1_000), /ECONNREFUSED/)
})

test('two embedded emulators that want the same port at once get different ones', async () => {
  const port = await freePort(0)
  const emulators = await Promise.all([startPubsub({ port }), startPubsub({ port })])
  await Promise.all(emulators.map((emulator) => emulator.stop()))
  const [first, second] = emulators.map((emulator) => emulator.port)
  assert.ok([first, second].includes(port))
  assert.notEqual(first, second)
})
