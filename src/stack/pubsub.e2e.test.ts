import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findJava } from './commands.ts'
import { freePort, host, reach } from './ports.ts'
import { findEmulator, startPubsub } from './pubsub.ts'

const official = async (): Promise<string | undefined> => {
  if ((await findJava()) === undefined) return 'there is no Java'
  const found = await startPubsub({ port: 0 }).catch((error: Error) => error)
  if (found instanceof Error) {
    if (/no Pub\/Sub emulator found/.test(found.message)) return 'the official emulator is not installed'
    throw found
  }
  await found.stop()
  return undefined
}
const skip = (await official()) ?? false

test('no emulator: the message says how to get one', async () => {
  await assert.rejects(findEmulator(['/nowhere']), (error: Error) => {
    assert.match(error.message, /PUBSUB_EMULATOR_HOST/)
    assert.match(error.message, /gcloud components install pubsub-emulator/)
    assert.match(error.message, /google-cloud-cli-pubsub-emulator/)
    assert.match(error.message, /Java 11/)
    return true
  })
})

test('a given emulator that does not answer is an error', async () => {
  const emulatorHost = `${host}:${await freePort(0)}`
  await assert.rejects(startPubsub({ emulatorHost }), /nobody answers at PUBSUB_EMULATOR_HOST=.*ECONNREFUSED/)
})

test('a given emulator needs a port', async () => {
  await assert.rejects(startPubsub({ emulatorHost: 'localhost' }), /must be host:port/)
})

test('the official emulator starts, can be given to another, and ends', { skip }, async () => {
  const emulator = await startPubsub({ port: 0 })
  const given = await startPubsub({ emulatorHost: emulator.emulatorHost })
  assert.equal(given.kind, 'given')
  assert.equal(given.port, emulator.port)
  await given.stop()
  await reach(emulator, 1_000)
  await emulator.stop()
  await assert.rejects(reach(emulator, 1_000), /ECONNREFUSED/)
})
