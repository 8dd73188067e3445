import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { CacheRecord } from '#core/cache.ts'
import type { RecordKey } from '#core/pipeline.ts'
import { scans } from '#pipeline/scans.ts'
import type { DeadLetterDetail } from '#postgres/dead-letters.ts'
import { json, limits, nested } from '../../test/support/scan-message.ts'
import { itemPipeline } from '../../test/support/item-pipeline.ts'
import { wordPipeline } from '../../test/support/word-pipeline.ts'
import { deadLettersOf } from './search-by-key.ts'
import { keyNamed } from '#connect/pipelines.ts'
import { answer } from './record-status.ts'

const key = scans.inspector.keyOf(['1.1.1.7', '443', 'HTTP']) as RecordKey
const row = ['1.1.1.7', 443, 'HTTP', 'hello', 1_700_000_000]
const nowMs = 1_700_000_003_000
const none = { count: 0, searched: 0, all: true, letters: [] }
const watermark = (version: number, content = 'hello') => ({
  version: BigInt(version),
  isOf: (record: CacheRecord) => record.version === BigInt(version) && record.content === content,
})
const claim = (version: number) => ({ version: BigInt(version), madeInMs: -6000, endsInMs: 4000 })
const nothing = { watermark: undefined, claim: undefined }

type Given = Partial<Parameters<typeof answer>[0]>
const found = (given: Given) =>
  answer({ pipeline: scans, key, nowMs, cache: nothing, row: undefined, deadLetters: none, ...given }).status

describe('the watermark compared with the row', () => {
  for (const [state, given] of Object.entries<Given>({
    same: { row, cache: { ...nothing, watermark: watermark(1_700_000_000) } },
    newer: { row, cache: { ...nothing, watermark: watermark(1_700_000_001) } },
    older: { row, cache: { ...nothing, watermark: watermark(1_699_999_999) } },
    other: { row, cache: { ...nothing, watermark: watermark(1_700_000_000, 'other') } },
    none: { row },
    strange: { row, cache: { ...nothing, watermark: 'strange' } },
    off: { row, cache: { off: true } },
    unknown: { row, cache: { why: 'away' } },
  })) {
    test(state, () => assert.equal(found(given).watermark.state, state))
  }

  test('without a row every one is newer', () => {
    const { state, version, time } = found({ cache: { ...nothing, watermark: watermark(5) } }).watermark
    assert.deepEqual([state, version, time], ['newer', '5', '1970-01-01T00:00:05.000Z'])
  })

  test('with a row that no message could produce there is nothing to compare', () => {
    const {
      row: stored,
      watermark: known,
      verdict,
    } = found({
      row: [...row.slice(0, 4), Infinity],
      cache: { ...nothing, watermark: watermark(5) },
    })
    assert.deepEqual([stored?.record, known.state, verdict], [null, 'unknown', 'stored'])
  })
})

describe('the verdict', () => {
  const letters = { ...none, count: 2 }
  const cases: readonly (readonly [verdict: string, given: Given])[] = [
    ['unknown', {}],
    ['unknown', { cache: { off: true } }],
    ['dead-lettered', { deadLetters: letters }],
    ['stored', { row, deadLetters: letters }],
    ['stored', { row, cache: { ...nothing, claim: claim(1_700_000_000) } }],
    ['being-written', { row, cache: { ...nothing, claim: claim(1_700_000_001) } }],
    ['being-written', { cache: { ...nothing, claim: claim(1) }, deadLetters: letters }],
    ['cache-ahead', { cache: { watermark: watermark(1), claim: claim(2) } }],
    ['cache-ahead', { row, cache: { ...nothing, watermark: watermark(1_700_000_001) } }],
    ['stored', { row, cache: { ...nothing, watermark: watermark(1) } }],
  ]
  for (const [i, [verdict, given]] of cases.entries())
    test(`${i}: ${verdict}`, () => assert.equal(found(given).verdict, verdict))
})

describe('of a pipeline whose messages delete', () => {
  const pipeline = itemPipeline
  const of = (given: Given) => found({ pipeline, key: keyNamed(pipeline, ['id=a']), ...given })
  const second = 1_767_225_600_000_000n
  const mark = (version: bigint) => ({ ...nothing, watermark: { version, isOf: () => false } })
  const deletion = { ranks: [second, 7n], deletedAt: new Date(nowMs) }
  const stored = ['a', '2026-01-01T00:00:00.000000Z', 3, '1.50', '{x}', '{"a": 1}', null]

  test('a deletion stands for the row: the watermark is compared with it', () => {
    const { verdict, deletion: said, watermark: known } = of({ deletion, cache: mark(second) })
    assert.deepEqual([verdict, known.state], ['deleted', 'same'])
    assert.deepEqual(said, {
      version: String(second),
      time: '2026-01-01T00:00:00.000Z',
      deletedAt: new Date(nowMs).toISOString(),
    })
    assert.equal(of({ deletion, cache: mark(second + 1n) }).verdict, 'cache-ahead')
    assert.equal(of({ cache: mark(second) }).verdict, 'cache-ahead', 'nobody knows of a deletion')
  })

  test('a row that is newer than the deletion is what counts', () => {
    const whole = of({ row: stored, deletion: { ...deletion, ranks: [1n] }, cache: mark(second) })
    assert.deepEqual([whole.verdict, whole.watermark.state, whole.deletion?.version], ['stored', 'same', '1'])
    assert.equal(
      whole.row?.record?.content,
      '{"revision":3,"price":"1.50","tags":"{x}","more":"{\\"a\\": 1}","gone_at":null}',
    )
  })

  test('without one there is none, which is said', () => {
    assert.equal(of({ row: stored }).deletion, null)
    assert.ok(!('deletion' in found({})), 'but not of a pipeline that never deletes')
  })
})

test('the answer is JSON, with the parts of the key by name', () => {
  const whole = found({ row, cache: { watermark: watermark(1_700_000_000), claim: claim(1_700_000_001) } })
  assert.deepEqual(JSON.parse(JSON.stringify(whole)), {
    pipeline: 'scans',
    key: { ip: '1.1.1.7', port: 443, service: 'HTTP' },
    verdict: 'being-written',
    row: {
      values: { ip: '1.1.1.7', port: 443, service: 'HTTP', response: 'hello', last_seen: 1_700_000_000 },
      record: { version: '1700000000', time: '2023-11-14T22:13:20.000Z', content: 'hello' },
    },
    watermark: { state: 'same', version: '1700000000', time: '2023-11-14T22:13:20.000Z' },
    claim: {
      version: '1700000001',
      time: '2023-11-14T22:13:21.000Z',
      claimedAt: '2023-11-14T22:13:17.000Z',
      endsInMs: 4000,
    },
    deadLetters: none,
  })
})

test('a pipeline whose versions are not times, and whose key is one word', () => {
  const pipeline = wordPipeline
  const whole = found({ pipeline, key: keyNamed(pipeline, ['a']), row: ['a', '9007199254740993', 'x'] })
  assert.deepEqual(whole.key, { key: 'a' })
  assert.deepEqual(whole.row?.record, { version: '9007199254740993', time: null, content: 'x' })
})

test('a version later than any date has no time', () => {
  const { time } = found({ cache: { ...nothing, watermark: watermark(1) } }).watermark
  assert.equal(time, '1970-01-01T00:00:01.000Z')
  const late = { version: 2n ** 62n, isOf: () => false }
  assert.equal(found({ cache: { ...nothing, watermark: late } }).watermark.time, null)
})

let lastId = 0

function deadLetter(data: string, more: Partial<DeadLetterDetail> = {}): DeadLetterDetail {
  const id = ++lastId
  const at = new Date(1_700_000_200_000 + id)
  return {
    id,
    pipeline: 'scans',
    subscription: 'projects/p/subscriptions/s',
    messageId: `m${id}`,
    publishTime: new Date(1_700_000_100_500),
    orderingKey: '',
    attributes: {},
    data: Buffer.from(data),
    dataBytes: Buffer.byteLength(data),
    reason: 'bad-timestamp',
    detail: 'why',
    deliveryAttempt: 1,
    firstSeenAt: at,
    lastSeenAt: at,
    timesSeen: 1,
    status: 'new',
    cut: false,
    escaped: false,
    redriveCount: 0,
    ...more,
  }
}

async function* pagesOf(...pages: DeadLetterDetail[][]): AsyncGenerator<DeadLetterDetail[]> {
  yield* pages
}

describe('dead letters of a key', () => {
  const search = (letters: DeadLetterDetail[], most?: number) =>
    deadLettersOf(key, scans, limits, pagesOf(...letters.map((one) => [one])), most)
  const matches = async (data: string, more?: Partial<DeadLetterDetail>) =>
    (await search([deadLetter(data, more)])).letters.map(({ match, accepted }) => [match, accepted])

  test('by the key in their data, whatever else is wrong with them', async () => {
    assert.deepEqual(await matches(json({ timestamp: -1 })), [['key', false]])
    assert.deepEqual(await matches(json({ timestamp: -1, port: 444 })), [])
  })

  test('are decoded as they came, from their own subscription', async () => {
    const from = new Set<string | undefined>()
    const decode: typeof scans.decode = (delivery, within) => {
      from.add(delivery.subscription)
      return scans.decode(delivery, within)
    }
    const letter = deadLetter(json({}), { subscription: 'projects/other/subscriptions/s' })
    await deadLettersOf(key, { ...scans, decode }, limits, pagesOf([letter]))
    assert.deepEqual([...from], ['projects/other/subscriptions/s'])
  })

  test('those that would be accepted today are marked as such', async () => {
    assert.deepEqual(await matches(json({})), [['key', true]])
  })

  test('another key in the data counts more than a mention elsewhere', async () => {
    const data = json({ port: 444, data: { response_str: 'HTTP 1.1.1.7:443' } })
    assert.deepEqual(await matches(data, { orderingKey: '1.1.1.7 443 HTTP' }), [])
  })

  test('where no key can be read, by mentions in data and attributes', async () => {
    assert.deepEqual(await matches(json({ port: '443' })), [['text', false]])
    assert.deepEqual(await matches(json({}).slice(0, -1)), [['text', false]])
    assert.deepEqual(await matches(''), [])
    const attributes = { ip: '1.1.1.7', port: '443', service: 'HTTP' }
    assert.deepEqual(await matches('', { attributes }), [['text', false]])
    assert.deepEqual(await matches(nested(100), { orderingKey: 'HTTP 1.1.1.7:443' }), [['text', false]])
    const parts = { attributes: { a: '1.1.1', b: '.7', c: '443', d: 'HTTP' } }
    assert.deepEqual(await matches('', parts), [])
  })

  test('data of which only beginning and end were read does not count as the message', async () => {
    assert.deepEqual(await matches(json({}), { dataBytes: 1_000_000 }), [['text', false]])
  })

  test('all are counted, the newest hundred are named, newest first', async () => {
    const letters = Array.from({ length: 130 }, () => deadLetter(json({ timestamp: -1 }))).reverse()
    const result = await search([deadLetter(json({ port: 1 })), ...letters])
    assert.deepEqual([result.count, result.searched, result.all], [130, 131, true])
    assert.deepEqual(
      result.letters.map(({ id }) => id),
      letters.slice(0, 100).map(({ id }) => String(id)),
    )
  })

  test('a redelivered one is newer than one with a greater id', async () => {
    const again = deadLetter(json({ timestamp: -1 }), {
      lastSeenAt: new Date(1_800_000_000_000),
      timesSeen: 2,
    })
    const later = deadLetter(json({ timestamp: -1 }))
    assert.deepEqual(
      (await search([later, again])).letters.map(({ id }) => id),
      [again.id, later.id].map(String),
    )
  })

  test('where there are too many the rest is not searched, and that is reported', async () => {
    const letters = [1, 2, 3].map(() => deadLetter(json({})))
    const { count, searched, all } = await search(letters, 2)
    assert.deepEqual([count, searched, all], [2, 2, false])
    assert.equal((await search(letters, 3)).all, true)
  })
})

test('invalid words are reported with the usage', () => {
  assert.throws(() => keyNamed(scans, ['1.1.1', '443', 'HTTP'], 'scans'), {
    name: 'ConfigurationError',
    message:
      '"ip" is not an IPv4 or IPv6 address: "1.1.1"; name a record of the pipeline scans by <ip> <port> <service>, for example: 1.1.1.7 443 HTTP',
  })
  assert.throws(
    () => keyNamed(scans, ['1.1.1.7', '443', 'My', 'service']),
    /a key has 3 words here, not 4 \(quote/,
  )
  assert.throws(
    () => keyNamed(scans, ['1.1.1.7']),
    /1\.1\.1\.7 443 HTTP; for a record of another pipeline add --pipeline \(increments, or the path of a file\)$/,
  )
})
