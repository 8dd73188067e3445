import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { startEmulator } from '#emulator/emulator.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { startIngesterProgram } from '../support/program.ts'
import { createSubscription, metric, projectId, startSystem, until } from '../support/system.ts'

const messages = 12
const characters = 9_000_000

test('12 messages of 9 MB, two bytes per character in memory, while the table is locked: a heap of 160 MB suffices', {
  timeout: 400_000,
}, async (t) => {
  await using system = await startSystem()
  // Hard bounds have to hold with servers that ignore what they are asked for.
  const emulator = await startEmulator({ port: 0 })
  t.onTestFinished(() => emulator.close())
  emulator.faults.deliveries({ ignoreFlowControl: true })
  const emulatorHost = `127.0.0.1:${emulator.port}`
  const clients = await connectPubsub({ projectId, emulatorHost })
  t.onTestFinished(() => clients.close())
  await clients.publisher.createTopic({ name: system.topic })
  await createSubscription(clients, system.topic, 'scan-sub')

  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  const env = {
    ...system.env,
    PUBSUB_EMULATOR_HOST: emulatorHost,
    NODE_OPTIONS: '--max-old-space-size=160',
  }
  await using run = startIngesterProgram(['run'], { env })
  const [, url = ''] = await run.said(/"admin":"(http[^"]+)"/)
  // One character beyond Latin-1 makes all of a text's characters two bytes.
  const text = `${'x'.repeat(characters)}\u65e5`
  for (let port = 1; port <= messages; port++) {
    const scan = { ip: '1.1.1.1', port, service: 'HTTP', timestamp: 1_700_000_000, data_version: 2 }
    const data = Buffer.from(JSON.stringify({ ...scan, data: { response_str: text } }))
    await clients.publisher.publish({ topic: system.topic, messages: [{ data }] })
  }
  await until(
    () => metric(url, 'ingester_oldest_outstanding_seconds'),
    (seconds) => seconds > 3,
    120_000,
  )
  // As they came and decoded, three bytes for each character, and no more than the bound of 100 MiB has room for.
  const held = await metric(url, 'ingester_messages_outstanding')
  assert.ok(held * 3 * characters <= 100 * 2 ** 20, `${held} messages held`)
  await system.sql.query('COMMIT')
  const stored = async () => {
    const { rows } = await system.sql.query('SELECT count(*)::integer AS count FROM scan_results')
    return rows[0].count as number
  }
  await until(stored, (count) => count === messages, 180_000)
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)
})
