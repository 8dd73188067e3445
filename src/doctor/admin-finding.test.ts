import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'vitest'
import { noLogger } from '#core/logger.ts'
import { startAdminServer } from '#telemetry/admin-server.ts'
import { emptyMetrics, readinessOf } from '../../test/support/measured.ts'
import { adminFinding } from './admin-finding.ts'

test('an ingester that is already running is no fault, wherever it listens', async () => {
  const metrics = emptyMetrics()
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    await using admin = await startAdminServer({
      host,
      port: 0,
      ...readinessOf(() => ['held']),
      metrics,
      logger: noLogger,
    })
    const port = Number(new URL(admin.url).port)
    const { status, detail } = await adminFinding({ host, port })
    assert.equal(`${status} ${detail}`, `ok ${host}:${port}: an ingester is running there, version 1.2.3`)
  }
})

test('a gateway has the port: an ingester with the same variables needs another', async () => {
  const metrics = emptyMetrics()
  metrics.observeGateway({ routes: ['/increment'], acceptedStatus: () => 200, queued: () => 0 })
  await using admin = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    ...readinessOf(),
    metrics,
    logger: noLogger,
  })
  const port = Number(new URL(admin.url).port)
  const found = await adminFinding({ host: '127.0.0.1', port })
  assert.equal(
    `${found.status} ${found.detail}`,
    `warning 127.0.0.1:${port}: a gateway is running there, version 1.2.3; an ingester beside it needs another port`,
  )
  assert.equal(found.fixes[0]?.kind, 'setting')
})

test('another program has the port: another port', async () => {
  const others: readonly RequestListener[] = [
    (_, response) => response.end('ingester_build_info of another'),
    (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    (request) => request.socket.destroy(),
  ]
  for (const other of others) {
    const server = createServer(other).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const found = await adminFinding({ host: '127.0.0.1', port })
    assert.equal(
      `${found.status} ${found.detail}`,
      `warning 127.0.0.1:${port} is taken, and not by an ingester`,
    )
    assert.equal(found.fixes[0]?.kind, 'setting')
    server.close()
  }
})
