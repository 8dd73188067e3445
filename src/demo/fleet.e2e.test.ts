import assert from 'node:assert/strict'
import { test } from 'vitest'
import { freePort, host, reach } from '#stack/ports.ts'
import { createLogger } from '#telemetry/logger.ts'
import { startSystem } from '../../test/support/system.ts'
import { scans } from '#pipeline/scans.ts'
import { DemoFleet } from './fleet.ts'

test('when one ingester does not start, the others are stopped', async () => {
  await using system = await startSystem()
  const port = await freePort(0)
  const { postgres } = system.config
  let asked = 0
  const config = {
    ...system.config,
    startupTimeoutMs: 500,
    http: { host, port },
    get postgres() {
      asked += 1
      return asked === 1 ? postgres : { ...postgres, port: 1 }
    },
  }
  const never = new AbortController().signal
  const logger = createLogger({
    level: 'info',
    output: 'json',
    service: { name: 'test', version: '1.2.3' },
    write: (line) => void lines.push(line),
  })
  const lines: string[] = []
  const starting = DemoFleet.start(config, scans, { replicas: 2, signal: never, forceStop: never }, logger)
  await assert.rejects(starting, /PostgreSQL at 127\.0\.0\.1:1\//)
  assert.equal(asked, 2, 'the first one has started')
  await assert.rejects(reach({ host, port }, 1000), /ECONNREFUSED/)
})
