// The broker of the gateway's bench, in a process of its own: the emulator, with the topic and subscription that the gateway
// creates. Says where it is, and when asked how many messages it has.
import { startEmulator } from '#emulator/emulator.ts'

const emulator = await startEmulator({ port: 0 })
// The parent is gone.
process.once('disconnect', () => process.exit())
process.on('message', (subscription: string) => {
  const { available, leased, waiting } = emulator.inspect(subscription).counts
  process.send?.({ messages: available + leased + waiting })
})
process.send?.({ emulatorHost: emulator.emulatorHost })
