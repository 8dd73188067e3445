import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { alwaysAsync } from '../../test/support/seed.ts'
import type { PubsubClients } from './client.ts'
import type { OutgoingMessage } from './publisher.ts'
import { publishIsolatingFailures } from './publish-isolating-failures.ts'

const status = (code: number) => Object.assign(new Error(`status ${code}`), { code })

/** A service that refuses whole requests: with what `fault` says of one of their messages. */
function service(fault: (text: string) => number | undefined) {
  const taken: string[] = []
  let requests = 0
  const publisher = {
    publish: async ({ messages }: { messages: OutgoingMessage[] }) => {
      requests += 1
      const texts = messages.map(({ data }) => String(data))
      for (const text of texts) {
        const code = fault(text)
        if (code !== undefined) throw status(code)
      }
      taken.push(...texts)
      return [{ messageIds: texts }]
    },
  }
  const clients = { publisher } as unknown as PubsubClients
  return {
    taken,
    requests: () => requests,
    publish: (texts: readonly string[]) =>
      publishIsolatingFailures(
        clients,
        'projects/p/topics/t',
        texts.map((text) => ({ data: Buffer.from(text) })),
      ),
  }
}

test('messages that the service accepts are one request', async () => {
  const { publish, taken, requests } = service(() => undefined)
  assert.deepEqual(await publish(['a', 'b', 'c']), { published: [0, 1, 2], refused: [] })
  assert.deepEqual(taken, ['a', 'b', 'c'])
  assert.equal(requests(), 1)
})

test('no messages are no request', async () => {
  const { publish, requests } = service(() => 3)
  assert.deepEqual(await publish([]), { published: [], refused: [] })
  assert.equal(requests(), 0)
})

test('whatever is rejected, the others are published once, in order', async () => {
  const property = fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), async (bad) => {
    const { publish, taken } = service((text) => (bad[Number(text)] ? 3 : undefined))
    const { published, refused, failure } = await publish(bad.map((_, at) => String(at)))
    const positions = (wanted: boolean) => bad.flatMap((one, at) => (one === wanted ? [at] : []))
    assert.deepEqual(published, positions(false))
    assert.deepEqual(taken, positions(false).map(String))
    assert.deepEqual(
      refused,
      positions(true).map((at) => ({ at, why: 'status 3' })),
    )
    assert.equal(failure, undefined)
  })
  await alwaysAsync(property, 100)
})

test('a failure that no message caused ends it; what was confirmed until then is reported', async () => {
  const { publish, taken } = service((text) => ({ bad: 3, away: 14 })[text])
  const { published, refused, failure } = await publish(['a', 'bad', 'b', 'c', 'away', 'd'])
  assert.deepEqual(taken, ['a', 'b', 'c'].slice(0, taken.length))
  assert.deepEqual(
    published,
    taken.map((text) => ['a', 'bad', 'b', 'c', 'away', 'd'].indexOf(text)),
  )
  assert.ok(refused.length <= 1)
  assert.deepEqual(failure, status(14))
})
