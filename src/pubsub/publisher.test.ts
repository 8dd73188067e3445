import assert from 'node:assert/strict'
import { test } from 'vitest'
import { protos } from '@google-cloud/pubsub'
import fc from 'fast-check'
import { alwaysAsync } from '../../test/support/seed.ts'
import type { PubsubClients } from './client.ts'
import type { OutgoingMessage } from './publisher.ts'
import { publish } from './publisher.ts'

interface Request {
  readonly topic: string
  readonly messages: OutgoingMessage[]
}

/** Publishes to a service that only takes notes; what it was asked, and the ids that came back. */
async function published(messages: readonly OutgoingMessage[], fail?: Error) {
  const requests: Request[] = []
  let id = 0
  const publisher = {
    publish: async (request: Request) => {
      requests.push(request)
      if (fail) throw fail
      return [{ messageIds: request.messages.map(() => String(id++)) }]
    },
  }
  const ids = await publish({ publisher } as unknown as PubsubClients, 'projects/p/topics/t', messages)
  return { requests, ids }
}

const plain = (count: number, bytes = 1) =>
  Array.from({ length: count }, (): OutgoingMessage => ({ data: Buffer.alloc(bytes) }))

test('nothing to publish is no request', async () => {
  assert.deepEqual(await published([]), { requests: [], ids: [] })
})

test('a request has at most 1,000 messages; ids are in the order of the messages', async () => {
  const { requests, ids } = await published(plain(2001))
  assert.deepEqual(
    requests.map((request) => request.messages.length),
    [1000, 1000, 1],
  )
  assert.deepEqual(
    ids,
    Array.from({ length: 2001 }, (_, i) => String(i)),
  )
})

test('large messages make requests shorter; one that fills a request goes alone', async () => {
  const { requests } = await published([...plain(5, 4_000_000), ...plain(1, 9_500_000), ...plain(1)])
  assert.deepEqual(
    requests.map((request) => request.messages.length),
    [2, 2, 1, 1, 1],
  )
})

test('a request has one ordering key; the order is kept', async () => {
  const keys = ['', '', 'a', 'a', 'b', 'a']
  const { requests } = await published(keys.map((orderingKey) => ({ data: Buffer.alloc(1), orderingKey })))
  assert.deepEqual(
    requests.map((request) => request.messages.map(({ orderingKey }) => orderingKey)),
    [['', ''], ['a', 'a'], ['b'], ['a']],
  )
  const without = await published([{ data: Buffer.alloc(1) }, { data: Buffer.alloc(1), orderingKey: '' }])
  assert.equal(without.requests.length, 1, 'none is the empty one')
})

test('a failure is thrown', async () => {
  await assert.rejects(published(plain(1), new Error('no')), /no/)
})

test('every request is within 10 MB on the wire, attributes included; the order is kept', async () => {
  const text = (maxLength: number) => fc.integer({ min: 0, max: maxLength }).map((n) => 'é'.repeat(n))
  const message = fc.record({
    data: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000_000 })).map((n) => Buffer.alloc(n)),
    attributes: fc
      .tuple(fc.integer({ min: 0, max: 100 }), text(500))
      .map(([count, value]) =>
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`name${i}`, value])),
      ),
    orderingKey: text(500),
  })
  const groups = fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), message), { maxLength: 4 })
  await alwaysAsync(
    fc.asyncProperty(groups, async (drawn) => {
      const all = drawn.flatMap(([count, one]) => Array<OutgoingMessage>(count).fill(one))
      const { requests } = await published(all)
      assert.deepEqual(
        requests.map((request) => request.messages.length).reduce((a, b) => a + b, 0),
        all.length,
      )
      assert.ok(requests.flatMap((request) => request.messages).every((one, i) => one === all[i]))
      for (const request of requests) {
        const bytes = protos.google.pubsub.v1.PublishRequest.encode(request).finish().length
        assert.ok(bytes <= 10_000_000, `${request.messages.length} messages, ${bytes} bytes`)
      }
    }),
    15,
  )
})
