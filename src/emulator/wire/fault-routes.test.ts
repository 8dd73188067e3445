import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0, faultRoutes: true, history: true })
afterAll(() => emulator.close())
const topic = 'projects/p/topics/t-1'
const subscription = 'projects/p/subscriptions/s-1'
await call('PUT', `/v1/${topic}`)
await call('PUT', `/v1/${subscription}`, { topic })

async function call(method: string, path: string, body?: object | string, at = emulator.emulatorHost) {
  const text = typeof body === 'object' ? JSON.stringify(body) : body
  const response = await fetch(`http://${at}${path}`, {
    method,
    ...(text === undefined ? {} : { body: text }),
  })
  return { code: response.status, answer: JSON.parse(await response.text()) }
}

const fault = (body: object | string) => call('POST', '/faults', body)
const publish = () => call('POST', `/v1/${topic}:publish`, { messages: [{ data: 'eA==' }] })
const pull = async () => (await call('POST', `/v1/${subscription}:pull`, { maxMessages: 10 })).answer

describe('faults over HTTP', () => {
  test('are injected and cleared', async () => {
    assert.deepEqual(await fault({ refuse: { rpc: 'Publish', status: 'UNAVAILABLE', times: 2 } }), {
      code: 200,
      answer: {},
    })
    const codes = [(await publish()).code, (await publish()).code, (await publish()).code]
    assert.deepEqual(codes, [503, 503, 200])
    await fault({ refuse: { rpc: 'Publish', status: 'ABORTED', share: 1 } })
    assert.equal((await publish()).code, 409)
    await fault({ clear: true })
    assert.equal((await publish()).code, 200)
  })

  test('several at once, and an inspection of the effect', async () => {
    await fault({ pause: true, dropReplies: { rpc: 'Publish' } })
    await assert.rejects(
      fetch(`http://${emulator.emulatorHost}/v1/${topic}:publish`, {
        method: 'POST',
        body: JSON.stringify({ messages: [{ data: 'eQ==' }] }),
        signal: AbortSignal.timeout(200),
      }),
    )
    const { answer } = await call('GET', `/inspect/${subscription}`)
    assert.deepEqual(answer.counts, { available: 3, leased: 0, waiting: 0, acked: 0 })
    assert.deepEqual(
      answer.messages.map(({ data }: { data: string }) => data),
      ['eA==', 'eA==', 'eQ=='],
    )
    await fault({ resume: true })
    assert.equal((await pull()).receivedMessages.length, 3)
    await fault({ expireLeases: true, deliveries: { duplicateShare: 1 } })
    assert.ok((await pull()).receivedMessages.length >= 3)
    await fault({ clear: true })
  })

  for (const [body, why] of [
    [{ explode: true }, /Unknown fault "explode" \(available: deliveries, dropRequests/],
    [{ toString: {} }, /Unknown fault "toString"/],
    ['{', /not a JSON object/],
    ['[]', /must be an object/],
    [{ refuse: { rpc: 'Publish', status: 'BROKEN' } }, /refuse\.status must be one of CANCELLED/],
    [{ refuse: { status: 'ABORTED' } }, /refuse\.rpc must name an RPC/],
    [
      { dropRequests: { rpc: 'Publish', times: 'often' } },
      /dropRequests must have times, a number, or share/,
    ],
    [{ breakStreams: 'now' }, /breakStreams must be an object/],
    [{ expireLeases: 2 }, /expireLeases must be a share from 0 to 1/],
    [{ pause: false }, /pause must be true/],
    [{ refuse: { rpc: 'Publish', status: 'OK' } }, /refuse\.status must be one of CANCELLED/],
    [{ refuse: { rpc: 'Publsh', status: 'ABORTED' } }, /refuse\.rpc must name an RPC: .*Publish/],
    [{ dropRequests: { rpc: 'Publish', times: -1 } }, /times, a number/],
    [{ dropRequests: { rpc: 'Publish', share: 7 } }, /share from 0 to 1/],
    [{ dropReplies: { rpc: 'StreamingPull' } }, /no reply/],
    [{ deliveries: { duplicates: 1 } }, /has no "duplicates"; it has: duplicateShare/],
    [{ deliveries: { maxDelayMs: 'x' } }, /maxDelayMs must be a number/],
  ] as const) {
    test(`${JSON.stringify(body)} is rejected, with the reason`, async () => {
      const { code, answer } = await fault(body)
      assert.equal(code, 400)
      assert.match(answer.error.message, why)
    })
  }

  test('an invalid one keeps the others from being injected', async () => {
    assert.equal((await fault({ pause: true, explode: true })).code, 400)
    assert.equal((await fault({ pause: true, expireLeases: 2 })).code, 400)
    await publish()
    assert.ok((await pull()).receivedMessages.length > 0)
  })

  test('do not exist unless they are enabled', async () => {
    await using plain = await startEmulator({ port: 0 })
    for (const [method, path] of [
      ['POST', '/faults'],
      ['GET', `/inspect/${subscription}`],
    ] as const) {
      assert.equal((await call(method, path, undefined, plain.emulatorHost)).code, 404)
    }
  })
})
