import assert from 'node:assert/strict'
import { test } from 'vitest'
import { RawClient, startTestGateway } from '../../test/support/gateway.ts'
import { until } from '../../test/support/postgres.ts'

const head = 'POST /words HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
const manners: readonly ((client: RawClient) => void)[] = [
  () => {},
  (client) => client.write(head),
  (client) => client.write(`${head}Content-Length: 100\r\n\r\n`),
  (client) => client.send('GET /healthz'),
]

test('of 10,000 connections few stay, and a request on a new one is always answered', async () => {
  let dropped = 0
  let open = 0
  const observer = {
    connectionDropped: () => void (dropped += 1),
    connectionsOpen: (count: number) => void (open = count),
  }
  const waitForEver = { headersMs: 600_000, requestMs: 600_000, keepAliveMs: 600_000, silenceMs: 600_000 }
  await using started = await startTestGateway({
    limits: { ...waitForEver, connections: 500 },
    observer,
    accessLog: false,
  })
  const attackers = new Set<RawClient>()
  for (let wave = 0; wave < 40; wave += 1) {
    const some = Array.from({ length: 250 }, () => new RawClient(started.url))
    for (const client of some) {
      attackers.add(client)
      client.socket.once('close', () => attackers.delete(client))
    }
    using honest = new RawClient(started.url).send('POST /words', '"a"')
    await honest.until(/^HTTP\/1\.1 200 /)
    await Promise.all(some.map((client) => client.connected().catch(() => client)))
    for (const [at, client] of some.entries()) manners[at % manners.length]?.(client)
    await until(async () => attackers.size <= 500)
  }
  await until(async () => dropped >= 9500)
  assert.ok(open <= 500, `${open}`)
  assert.ok(attackers.size <= 500, `${attackers.size}`)
  for (const client of attackers) client[Symbol.dispose]()
})
