// What becomes of messages: rows, what is ignored, and each reason for a dead letter. docs/MAPPING.md has the values.
import assert from 'node:assert/strict'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, test } from 'vitest'
import type { CatalogColumn } from '#core/catalog.ts'
import type { Delivery } from '#core/delivery.ts'
import { isIgnored } from '#core/ignored.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { isSeveral } from '#ingest/several.ts'
import { delivery, limits, nested } from '../../../test/support/scan-message.ts'
import { unboundPipeline } from './mapped-pipeline.ts'
import { parseMapping } from './read-mapping.ts'

const column = (name: string, type: string, more: Partial<CatalogColumn> = {}): CatalogColumn => ({
  name,
  type,
  isNullable: true,
  hasDefault: false,
  generated: 'never',
  ...more,
})

const catalog = {
  kind: 'r',
  columns: [
    column('id', 'bigint', { isNullable: false }),
    column('revision', 'integer', { isNullable: false }),
    column('name', 'text'),
    column('total', 'numeric', { isNullable: false }),
    column('noted', 'text'),
    column('gone_at', 'timestamptz'),
    column('sequence', 'bigint', { generated: 'identity', isNullable: false }),
    column('created_at', 'timestamptz', { hasDefault: true }),
  ],
  keys: [{ columns: ['id'], isPrimary: true }],
}

function pipeline(more = 'others: skip'): Pipeline {
  const text = `name: things\nsubscription: things-sub\ntable: things\nkey: id\nversion: revision\n${more}\n`
  return unboundPipeline(parseMapping(text, 'things.yaml')).bind(catalog)
}

const named = pipeline(`others: skip
columns: { name: { path: customer.name, optional: true } }`)

type Outcome = string | Readonly<Record<string, unknown>>

/** Of each record: its values by column, `gone` with these, `ignored: rule`, or `reason: detail`. */
function outcomes(of: Pipeline, message: unknown, more: Partial<Delivery> = {}): Outcome[] {
  const data =
    typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message)
  const decoded = of.decode(delivery(data, more), limits)
  return (isSeveral(decoded) ? decoded : [decoded]).map((one) => {
    if (isRejection(one)) return `${one.reason}: ${one.detail}`
    if (isIgnored(one)) return `ignored: ${one.rule}`
    const values = Object.fromEntries(of.sink.columns.map((each) => [each.name, each.of(one)]))
    return of.sink.deletes?.when(one) ? { gone: true, ...values } : values
  })
}

const outcome = (of: Pipeline, message: unknown, more?: Partial<Delivery>) => outcomes(of, message, more)[0]

function rejected(of: Pipeline, message: unknown, expected: RegExp, more?: Partial<Delivery>): void {
  const found = outcome(of, message, more)
  assert.ok(typeof found === 'string', `it is a row: ${JSON.stringify(found)}`)
  assert.match(found, expected)
}

describe('a message of a mapping', () => {
  test('becomes a row of the columns that are written', () => {
    const message = { id: 7, revision: 1, customer: { name: 'Ada' }, other: [1, { id: 8 }] }
    assert.deepEqual(outcome(named, message), { id: 7, revision: 1, name: 'Ada' })
  })

  test('takes columns that are not named from fields of their names, but not those that the database fills', () => {
    const message = { id: 7, revision: 1, name: null, total: '1.50', noted: 'x', gone_at: null }
    const row = outcome(pipeline(''), { ...message, sequence: 9, created_at: 'never' })
    assert.deepEqual(row, { ...message, total: '1.50' })
  })

  test.each([
    ['no data', '', /^no-data: /],
    ['no JSON', '{"id": 7,}', /^not-json: /],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /^not-utf8: /],
    ['too deep', `{"id": 1, "revision": 1, "x": ${nested(100)}}`, /^too-deep: /],
    ['an array', '[{"id": 7}]', /^not-an-object: .*\[\{/],
    ['a text', '"id"', /^not-an-object: /],
    ['a field that is missing', { id: 7 }, /^missing-field: "revision" is missing$/],
    ['a path through a string', { id: 7, revision: 1, customer: 'Ada' }, /^wrong-type: .*customer\.name/],
    [
      'a path through an array',
      { id: 7, revision: 1, customer: [{ name: 'Ada' }] },
      /^wrong-type: .*customer\.name/,
    ],
    ['an array in place of a value', { id: [7], revision: 1 }, /^wrong-type: the column id is an array/],
    ['null in the key', { id: null, revision: 1 }, /^bad-value: the column id is null, and part of the key/],
    [
      'null in the version',
      { id: 7, revision: null },
      /^bad-value: the column revision is null, and part of the version/,
    ],
    ['a member twice', '{"id": 7, "revision": 1, "id": 8}', /^duplicate-key: .*id/],
    [
      'a member twice on the way',
      '{"id": 7, "revision": 1, "customer": {}, "customer": {"name": "x"}}',
      /^duplicate-key: .*customer/,
    ],
    [
      '2^63',
      '{"id": 9223372036854775808, "revision": 1}',
      /^bad-value: the column id is .*9223372036854775808/,
    ],
    [
      'a NUL',
      { id: 7, revision: 1, customer: { name: 'a\0' } },
      /^bad-value: the column name \(from customer\.name\) contains a NUL/,
    ],
  ])('is rejected for %s', (_what, message, expected) => rejected(named, message, expected))

  test('what is no part of a row may be anything', () => {
    const message =
      '{"id": 7, "revision": 1, "x": 1e999, "x": "\\ud800", "__proto__": {"name": "y"}, "constructor": null}'
    assert.deepEqual(outcome(named, message), { id: 7, revision: 1, name: null })
    assert.equal(Object.hasOwn(Object.prototype, 'name'), false)
  })

  test('null on the way is as good as missing', () => {
    assert.deepEqual(outcome(named, { id: 7, revision: 1, customer: null }), {
      id: 7,
      revision: 1,
      name: null,
    })
  })

  test('is rejected where an attribute cannot be stored', () => {
    rejected(named, { id: 7, revision: 1 }, /^bad-attribute: /, { attributes: { note: 'a\0' } })
  })

  test('is rejected over the limit, before anything is read', () => {
    const large = Buffer.alloc(limits.maxMessageBytes + 1, '[')
    rejected(named, large, /^too-large: the message has \d+ bytes; the limit is \d+$/)
  })
})

describe('a message that is compressed', () => {
  const message = JSON.stringify({ id: 7, revision: 1 })
  const encoded = (encoding: string) => ({ attributes: { 'content-encoding': encoding } })
  const row = { id: 7, revision: 1, name: null }

  test('is read as gzip or zstd', () => {
    assert.deepEqual(outcome(named, gzipSync(message), encoded('gzip')), row)
    assert.deepEqual(outcome(named, zstdCompressSync(message), encoded('zstd')), row)
    assert.deepEqual(outcome(named, message, encoded('identity')), row)
  })

  test('is rejected where it is not what the attribute says', () => {
    rejected(named, message, /^bad-encoding: .*gzip/, encoded('gzip'))
    rejected(named, gzipSync(message).subarray(0, 20), /^bad-encoding: /, encoded('gzip'))
    rejected(named, message, /^bad-encoding: .*"br"; known are gzip and zstd/, encoded('br'))
    rejected(named, gzipSync(message), /^not-(?:json|utf8): /)
  })

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('a bomb of %s is not filled beyond the limit', (encoding, compress) => {
    const bomb = compress(Buffer.alloc(300 * 2 ** 20, ' '))
    assert.ok(bomb.length < 2 ** 20)
    const before = process.memoryUsage().rss
    rejected(named, bomb, /^too-large: .* once it is decompressed/, encoded(encoding))
    assert.ok(process.memoryUsage().rss - before < 100 * 2 ** 20)
  })
})

describe('metadata', () => {
  const columns = `others: skip
columns:
  name: $attributes.kind
  noted: { path: $orderingKey, default: none }
  gone_at: $publishTime`

  test('comes with the message', () => {
    const of = pipeline(columns)
    const more = { attributes: { kind: 'a "b" \\n' }, orderingKey: 'k' }
    const row = { id: 7, revision: 1, name: 'a "b" \\n', noted: 'k', gone_at: 1_700_000_100_500_000 }
    assert.deepEqual(outcome(of, { id: 7, revision: 1 }, more), row)
    rejected(
      of,
      { id: 7, revision: 1 },
      /^missing-field: "\$attributes\.kind" is missing, which the column name needs/,
    )
    const without = outcome(of, { id: 7, revision: 1 }, { attributes: { kind: '' } })
    assert.deepEqual(without, { ...row, name: '', noted: 'none' })
  })

  test('of a message that is not JSON, where no field is read', () => {
    const text = `name: raw\nsubscription: raw-sub\ntable: raw\nkey: id\nversion: revision
columns: { id: $messageId, revision: { value: 1 }, data: $data }`
    const columns = [column('id', 'text'), column('revision', 'integer'), column('data', 'bytea')]
    const of = unboundPipeline(parseMapping(text, 'raw.yaml')).bind({ ...catalog, columns })
    assert.deepEqual(outcome(of, Buffer.from([0, 255])), { id: '1', revision: 1, data: '\\x00ff' })
    assert.deepEqual(outcome(of, ''), { id: '1', revision: 1, data: '\\x' })
  })
})

describe('split', () => {
  const of = pipeline(`others: skip
split: items
columns: { name: $message.customer.name, noted: { path: note, optional: true } }`)

  test('makes a record of each element, with the fields of the message', () => {
    const items = Array.from({ length: 1000 }, (_, id) => ({
      id,
      revision: 1,
      note: id === 5 ? 'five' : undefined,
    }))
    const found = outcomes(of, { customer: { name: 'Ada' }, items })
    assert.equal(found.length, 1000)
    assert.deepEqual(found[5], { id: 5, revision: 1, name: 'Ada', noted: 'five' })
    assert.deepEqual(found[999], { id: 999, revision: 1, name: 'Ada', noted: null })
  })

  test('is refused of more records than memory is for', () => {
    const items = Array.from({ length: 10_001 }, (_, id) => ({ id, revision: 1 }))
    rejected(
      of,
      { customer: { name: 'Ada' }, items },
      /^too-many-records: "items" has more than 10000 elements/,
    )
    assert.equal(outcomes(of, { customer: { name: 'Ada' }, items: items.slice(1) }).length, 10_000)
  })

  test('rejects an element, and keeps its neighbors', () => {
    const items = [{ id: 1, revision: 1 }, { id: 'x', revision: 1 }, 'three', null, { id: 5, revision: 1 }]
    const found = outcomes(of, { customer: { name: 'Ada' }, items })
    assert.deepEqual(
      found.map((one) => (typeof one === 'string' ? one.replace(/:.*/, '') : one['id'])),
      [1, 'bad-value', 'wrong-type', 'missing-field', 5],
    )
  })

  test('of an empty array is nothing; of no array a rejection', () => {
    assert.deepEqual(outcomes(of, { customer: { name: 'Ada' }, items: [] }), [])
    rejected(of, {}, /^missing-field: "items", the array of records, is missing/)
    rejected(of, { items: {} }, /^wrong-type: "items", the array of records, is not an array/)
    rejected(of, { items: null }, /^wrong-type: /)
  })

  test('of scalars reads the elements themselves', () => {
    const scalars = pipeline(`others: skip
split: ids
columns: { id: $element, revision: $message.revision }`)
    assert.deepEqual(outcomes(scalars, { revision: 3, ids: [1, '2', 3.0] }), [
      { id: 1, revision: 3 },
      { id: 2, revision: 3 },
      { id: 3, revision: 3 },
    ])
    rejected(scalars, { revision: 3, ids: ['a\\"b'] }, /^bad-value: the column id \(from \$element\)/)
  })
})

describe('where', () => {
  const of = pipeline(`others: skip
where:
  - { name: wanted-type, path: type, equals: order }
  - { path: amount, in: [1, 2.50] }
  - { name: not-a-test, not: { any: [{ path: test, equals: true }, { path: $attributes.test, exists: true }] } }`)
  const message = { id: 7, revision: 1, type: 'order', amount: 1 }
  const row = { id: 7, revision: 1 }

  test.each([
    [{}, row],
    [{ amount: 2.5 }, row],
    [{ type: 'Order' }, 'ignored: wanted-type'],
    [{ type: undefined }, 'ignored: wanted-type'],
    [{ type: 'refund', id: 'wrong' }, 'ignored: wanted-type'],
    [{ amount: '1' }, 'ignored: where-2'],
    [{ amount: 3 }, 'ignored: where-2'],
    [{ test: true }, 'ignored: not-a-test'],
    [{ test: 'true' }, row],
    [{ test: null }, row],
  ] as const)('%j: %j', (change, expected) =>
    assert.deepEqual(outcome(of, { ...message, ...change }), expected),
  )

  test('finds null in the message only, and not in what comes with it', () => {
    const null_ = pipeline(`others: skip
where: { any: [{ path: $attributes.kind, equals: null }, { path: kind, equals: null }] }`)
    const other = { id: 7, revision: 1 }
    assert.equal(outcome(null_, other, { attributes: { kind: 'null' } }), 'ignored: where')
    assert.deepEqual(outcome(null_, { ...other, kind: null }), row)
  })

  test('looks at attributes, and at numbers by their value', () => {
    assert.equal(outcome(of, message, { attributes: { test: '' } }), 'ignored: not-a-test')
    assert.deepEqual(outcome(of, '{"id": 7, "revision": 1, "type": "\\u006frder", "amount": 25e-1}'), row)
  })
})

describe('delete', () => {
  const hard = `delete: { when: { path: op, equals: D } }`

  test('needs only key and version', () => {
    const of = pipeline(`columns: { total: amount }\n${hard}`)
    assert.deepEqual(outcome(of, { id: 7, revision: 2, op: 'D' }), {
      gone: true,
      id: 7,
      revision: 2,
      name: null,
      total: null,
      noted: null,
      gone_at: null,
    })
    rejected(of, { id: 7, op: 'D' }, /^missing-field: "revision"/)
    rejected(of, { id: 7, revision: 2, op: 'U' }, /^missing-field: /)
  })

  test('marks a row, and only that', () => {
    const of = pipeline(`others: skip
columns: { gone_at: $publishTime }
delete: { when: { path: op, equals: D }, mode: { column: gone_at } }`)
    const publishedAt = 1_700_000_100_500_000
    assert.deepEqual(outcome(of, { id: 7, revision: 2, op: 'D' }), {
      gone: true,
      id: 7,
      revision: 2,
      gone_at: publishedAt,
    })
    assert.deepEqual(outcome(of, { id: 7, revision: 1 }), { id: 7, revision: 1, gone_at: null })
  })

  test('is rejected where its mark is null', () => {
    const of = pipeline(`others: skip
delete: { when: { path: gone_at, exists: true }, mode: { column: gone_at } }`)
    rejected(
      of,
      { id: 7, revision: 2, gone_at: null },
      /^bad-value: the column gone_at is null, and marks a row/,
    )
  })
})

describe('the first path that has a value', () => {
  const of = pipeline(`others: skip
columns: { name: [new.name, old_name, { path: n, default: nobody }] }`)

  test.each([
    [{ new: { name: 'a' }, old_name: 'b' }, 'a'],
    [{ new: { name: null }, old_name: 'b' }, 'b'],
    [{ new: 'x', n: 'c' }, 'c'],
    [{}, 'nobody'],
    [{ n: null }, 'nobody'],
  ])('%j: %s', (more, name) =>
    assert.deepEqual(outcome(of, { id: 7, revision: 1, ...more }), { id: 7, revision: 1, name }),
  )

  test('null anywhere is null, and a path that leads nowhere is told where nothing else is there', () => {
    const strict = pipeline('others: skip\ncolumns: { name: [a, b.c] }')
    for (const more of [{ a: null }, { b: { c: null } }, { a: null, b: 5 }, { b: { c: null }, a: null }])
      assert.deepEqual(outcome(strict, { id: 7, revision: 1, ...more }), { id: 7, revision: 1, name: null })
    rejected(strict, { id: 7, revision: 1, b: 5 }, /^wrong-type: .*b\.c/)
  })

  test('is named where its value is bad', () => {
    const typed = pipeline(`columns: { total: [amount, cents], name: name, noted: noted, gone_at: gone_at }`)
    const message = { id: 7, revision: 1, name: 'x', noted: 'y', gone_at: null }
    rejected(
      typed,
      { ...message, cents: 'ten' },
      /^bad-value: the column total \(from cents\) is "ten", not a number/,
    )
    rejected(
      typed,
      { ...message, amount: 1, noted: 'a\0b' },
      /^bad-value: the column noted contains a NUL character: "a.u0000b"$/,
    )
  })

  test('says all that it looked for', () => {
    const strict = pipeline('others: skip\ncolumns: { name: [a, b.c] }')
    rejected(
      strict,
      { id: 7, revision: 1 },
      /^missing-field: none of "a", "b\.c" is there, which the column name needs/,
    )
  })
})

describe('names that look like code', () => {
  const hostile = [
    "'); process.exit(1); //",
    '${process.exit(1)}',
    '`;globalThis.hacked=1;`',
    'constructor',
    'toString',
    'a"b\\',
    '\u2028',
    '*/ globalThis.hacked = 1 /*',
  ]

  test.each(hostile)('%j is a column and a field like any other', (name) => {
    const key = JSON.stringify(name)
    const text = `{"name": "things", "subscription": "things-sub", "table": "things", "key": "id", "version": "revision",
      "others": "skip", "columns": {${key}: {"path": ${JSON.stringify(key)}}}, "where": {"path": ${JSON.stringify(key)}, "equals": ${key}}}`
    const columns = [...catalog.columns.slice(0, 2), column(name, 'text')]
    const of = unboundPipeline(parseMapping(text, 'things.json')).bind({ ...catalog, columns })
    assert.deepEqual(outcome(of, { id: 7, revision: 1, [name]: name }), { id: 7, revision: 1, [name]: name })
    assert.equal(outcome(of, { id: 7, revision: 1, [name]: 'x' }), 'ignored: where')
    assert.equal('hacked' in globalThis, false)
  })
})
