import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { RawClient, startTestGateway } from '../../test/support/gateway.ts'
import { until } from '../../test/support/postgres.ts'
import { within } from '../../test/support/within.ts'

describe('a gateway that is closed', { concurrent: true }, () => {
  test('answers what is open, tells its clients to go, and closes the others at once', async () => {
    await using started = await startTestGateway()
    const release = started.publishing.hold()
    const open = new RawClient(started.url).send('POST /words', '"a"')
    const silent = await new RawClient(started.url).connected()
    const halfSent = await new RawClient(started.url).connected()
    halfSent.write('POST /words HTT')
    const idle = new RawClient(started.url).send('GET /healthz')
    assert.match(await idle.until(/alive/), /Connection: keep-alive/i)
    await started.publishing.untilPublished(1)
    const closing = started.gateway.close(20_000)
    await Promise.all([silent.closed(), halfSent.closed(), idle.closed()])
    await assert.rejects(fetch(`${started.url}/healthz`), 'it still listens')
    let isClosed = false
    void closing.then(() => (isClosed = true))
    // A client that is still connected may ask, and is answered.
    release()
    assert.match(await open.closed(), /^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n/is)
    await within('the end of the gateway', closing)
    assert.equal(isClosed, true)
  })

  test('receives a body to its end; a probe on a connection that is open learns that it drains', async () => {
    let began = 0
    await using started = await startTestGateway({ observer: { began: () => void (began += 1) } })
    const client = new RawClient(started.url)
    client.write(
      'POST /words HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n"',
    )
    const release = started.publishing.hold()
    const other = new RawClient(started.url).send('POST /words', '"a"')
    await started.publishing.untilPublished(1)
    const closing = started.gateway.close(20_000)
    client.write('a"')
    await started.publishing.untilPublished(2)
    // Behind the request that is open, so that the connection is.
    other.send('GET /readyz')
    await until(async () => began === 3)
    release()
    assert.match(await client.closed(), /^HTTP\/1\.1 200 OK\r\n/)
    const received = await other.closed()
    assert.match(received, /^HTTP\/1\.1 200 OK\r\n.*HTTP\/1\.1 503 .*{"status":"draining"}$/s)
    await within('the end of the gateway', closing)
  })

  test('answers all that were pipelined, and says only in the last that it goes', async () => {
    await using started = await startTestGateway()
    const release = started.publishing.hold()
    const client = new RawClient(started.url)
    for (let i = 0; i < 5; i += 1) client.send('POST /words', '"a"')
    await started.publishing.untilPublished(5)
    const closing = started.gateway.close(20_000)
    release()
    const received = await client.closed()
    assert.equal(received.match(/HTTP\/1\.1 200 OK/g)?.length, 5)
    await within('the end of the gateway', closing)
  })

  test('waits no longer than it may', async () => {
    await using started = await startTestGateway()
    started.publishing.hold()
    const client = new RawClient(started.url).send('POST /words', '"a"')
    await started.publishing.untilPublished(1)
    const beganMs = performance.now()
    await started.gateway.close(300)
    const ms = performance.now() - beganMs
    assert.ok(ms > 250 && ms < 3000, `${ms} ms`)
    assert.equal(await client.closed(), '')
  })

  test('may be closed several times', async () => {
    await using started = await startTestGateway()
    await Promise.all([started.gateway.close(1000), started.gateway.close(0)])
    await started.gateway.close(0)
  })
})

test('readiness is what it is told, without reasons', async () => {
  let isReady = true
  await using started = await startTestGateway({ isReady: () => isReady })
  const ask = async () => {
    const response = await fetch(`${started.url}/readyz`)
    return [response.status, await response.json(), response.headers.get('cache-control')]
  }
  assert.deepEqual(await ask(), [200, { status: 'ready' }, 'no-store'])
  isReady = false
  assert.deepEqual(await ask(), [503, { status: 'not ready' }, 'no-store'])
})
