import assert from 'node:assert/strict'
import { test } from 'vitest'
import { RawClient, startTestGateway } from '../../test/support/gateway.ts'
import { emptyMetrics } from '../../test/support/measured.ts'
import { until } from '../../test/support/postgres.ts'

test('a gateway is measured by route and status', async () => {
  const metrics = emptyMetrics()
  let queued = 0
  const observer = metrics.observeGateway({
    routes: ['POST /words'],
    acceptedStatus: () => 200,
    queued: () => queued,
  })
  const lines = async () => (await metrics.text()).split('\n').filter((line) => !line.startsWith('#'))
  const includes = async (...expected: readonly string[]) => {
    const found = await lines()
    return expected.every((line) => found.includes(line))
  }
  assert.ok(
    await includes(
      'ingester_gateway_requests_total{route="POST /words",status="200"} 0',
      'ingester_gateway_requests_total{route="POST /words",status="503"} 0',
      'ingester_gateway_request_seconds_count{route="POST /words"} 0',
      'ingester_gateway_queued_messages 0',
      'ingester_gateway_connections_dropped_total 0',
    ),
  )
  await using started = await startTestGateway({ observer })
  const release = started.publishing.hold()
  const client = new RawClient(started.url).send('POST /words', '"a"').send('POST /words', '"bad"')
  await started.publishing.untilPublished(1)
  queued = 7
  await until(() =>
    includes(
      'ingester_gateway_requests_in_flight 2',
      'ingester_gateway_queued_messages 7',
      'ingester_gateway_connections 1',
    ),
  )
  release()
  await client.until(/missing or invalid/)
  client.write('garbage\r\n\r\n')
  await client.closed()
  await until(() =>
    includes(
      'ingester_gateway_requests_total{route="POST /words",status="200"} 1',
      'ingester_gateway_requests_total{route="POST /words",status="400"} 1',
      'ingester_gateway_request_seconds_count{route="POST /words"} 2',
      'ingester_gateway_malformed_total{status="400"} 1',
      'ingester_gateway_requests_in_flight 0',
      'ingester_gateway_connections 0',
    ),
  )
})
