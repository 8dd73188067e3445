// What a table contradicts is told all at once, each at its place in the file.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { CatalogColumn, CatalogTable } from '#core/catalog.ts'
import { repeatedBy } from '#core/identity.ts'
import { isRejection } from '#core/rejection.ts'
import { delivery, limits } from '../../../test/support/scan-message.ts'
import { unboundPipeline } from './mapped-pipeline.ts'
import { MappingError } from './mapping-error.ts'
import { parseMapping } from './read-mapping.ts'

const column = (name: string, type: string, more: Partial<CatalogColumn> = {}): CatalogColumn => ({
  name,
  type,
  isNullable: true,
  hasDefault: false,
  generated: 'never',
  ...more,
})
const needed = { isNullable: false }

const catalog: CatalogTable = {
  kind: 'r',
  columns: [
    column('id', 'bigint', needed),
    column('tags', 'text[]', needed),
    column('revision', 'integer', needed),
    column('changed', 'timestamp', needed),
    column('updated_at', 'timestamptz', needed),
    column('note', 'text'),
    column('total', 'numeric(6,2)', needed),
    column('gone_at', 'timestamptz'),
    column('body', 'jsonb'),
    column('number', 'bigint', { ...needed, generated: 'identity', hasDefault: true }),
    column('doubled', 'numeric', { generated: 'expression' }),
    column('created_at', 'timestamptz', { ...needed, hasDefault: true }),
  ],
  keys: [{ columns: ['id'], isPrimary: true }],
}

/** Lines 1 to 3 are the same in all files. */
const file = (text: string) =>
  unboundPipeline(
    parseMapping(`name: things\nsubscription: things-sub\ntable: things\n${text}\n`, 'things.yaml'),
  )

function faults(text: string, table: CatalogTable | undefined = catalog): string[] {
  try {
    file(text).bind(table)
    return []
  } catch (error) {
    assert.ok(error instanceof MappingError)
    return error.message.split('\n').map((line) => line.replace('things.yaml:', ''))
  }
}

const plain = 'key: id\nversion: revision\nothers: skip\n'
const named = (text: string) => `${plain}columns:\n  ${text}`

describe('what a table contradicts', () => {
  test('nothing, where it fits', () => assert.deepEqual(faults(plain), []))

  test('there is none', () => {
    assert.deepEqual(faults(plain, undefined).length, 0, 'the default of the parameter')
    const unbound = file(plain)
    assert.throws(
      () => unbound.bind(undefined),
      /^MappingError: .*|things\.yaml:3:1: table: there is no table things; check its name/,
    )
  })

  test.each([
    [
      'an unknown column',
      named('nots: x'),
      '8:3: columns.nots: the table has no column "nots"; did you mean note?',
    ],
    [
      'an unknown key',
      'key: ident\nversion: revision\nothers: skip',
      '4:1: key: the table has no column "ident"; ',
    ],
    [
      'an unknown version',
      'key: id\nversion: [revision, revised]\nothers: skip',
      '5:21: version[1]: the table has no column "revised"; ',
    ],
    [
      'an array as key',
      'key: [id, tags]\nversion: revision\nothers: skip',
      '4:11: key[1]: tags is text[], and an array cannot be part of a key; ',
    ],
    [
      'a version that is a timestamp',
      'key: id\nversion: changed\nothers: skip',
      '5:1: version: changed is timestamp, and a version must be smallint, integer, bigint or timestamptz; ALTER TABLE',
    ],
    [
      'a version that is a text',
      'key: id\nversion: note\nothers: skip',
      '5:1: version: note is text, and a version must be',
    ],
    [
      'an identity that is written',
      named('number: n'),
      '8:3: columns.number: the database numbers number itself (GENERATED ALWAYS AS IDENTITY); take it out',
    ],
    [
      'a generated column that is written',
      named('doubled: n'),
      '8:3: columns.doubled: the database computes doubled from other columns; take it out',
    ],
    [
      'an identity as key',
      'key: number\nversion: revision\nothers: skip',
      '4:1: key: the database numbers number itself (GENERATED ALWAYS AS IDENTITY); take another key, such as id, which is unique, too',
    ],
    [
      'optional and NOT NULL',
      named('total: { path: total, optional: true }'),
      '8:25: columns.total.optional: total is NOT NULL in the table; give it a default instead',
    ],
    [
      'optional and part of the key',
      named('id: { path: id, optional: true }'),
      '8:19: columns.id.optional: id is part of the key, and never NULL; leave it out',
    ],
    [
      'a default of the wrong type',
      named('total: { path: total, default: abc }'),
      '8:25: columns.total.default: is "abc", not a number in decimal notation; total is numeric(6,2)',
    ],
    [
      'a default out of range',
      named('total: { path: total, default: 123456.789 }'),
      '8:25: columns.total.default: is "123456.789", out of range for numeric(6,2)',
    ],
    [
      'a default of null',
      named('total: { path: total, default: null }'),
      '8:25: columns.total.default: is null; total is NOT NULL',
    ],
    [
      'a constant of the wrong type',
      named('total: { value: [1] }'),
      '8:12: columns.total.value: is an array, not a number',
    ],
    [
      'a unit of no time',
      named('total: { path: total, unit: ms }'),
      '8:25: columns.total.unit: is for times, and total is numeric(6,2); leave it out',
    ],
    [
      'a unit of a clock',
      named('changed: { path: changed, unit: ms }'),
      '8:29: columns.changed.unit: counts to a moment, and changed is timestamp, which shows a clock; say whose with timezone: UTC',
    ],
    [
      'a zone of no time',
      named('note: { path: note, timezone: UTC }'),
      '8:23: columns.note.timezone: is for times, and note is text',
    ],
    [
      'a zone that changes nothing',
      named('updated_at: { path: at, unit: s, timezone: UTC }'),
      '8:36: columns.updated_at.timezone: changes nothing',
    ],
    [
      'an encoding of a number',
      named('total: { path: total, encoding: hex }'),
      '8:25: columns.total.encoding: is for bytea and texts, and total is numeric(6,2)',
    ],
    [
      'a time into a number',
      named('total: $publishTime'),
      '8:3: columns.total.path: $publishTime does not fit total, which is numeric(6,2)',
    ],
    [
      'the message into a number',
      named('total: $data'),
      '8:3: columns.total.path: $data does not fit total, which is numeric(6,2); it fits bytea, jsonb, json and text',
    ],
    [
      'a text of the message into an array',
      named('tags: $attributes.tags'),
      '8:3: columns.tags.path: $attributes does not fit tags, which is text[]; it is one text',
    ],
    [
      'a fault in one of several paths',
      named('note: [a, { path: b, unit: s }]'),
      '8:24: columns.note[1].unit: is for times',
    ],
    [
      'a mark that is NOT NULL',
      `${plain}delete: { when: { path: op, equals: D }, mode: { column: created_at } }`,
      '7:50: delete.mode.column: created_at is NOT NULL, but marks rows that are gone: in all others it must be NULL; ALTER TABLE',
    ],
    [
      'a text that decides where messages delete',
      'key: id\nversion: [revision, note]\nothers: skip\ndelete: { when: { path: op, equals: D } }',
      '5:21: version[1]: note is text, and a version must be smallint, integer, bigint or timestamptz: where messages delete, no text decides; leave it out',
    ],
  ])('%s', (_what, text, expected) => {
    const found = faults(text)
    assert.equal(found.length, 1, found.join('\n'))
    assert.ok(found[0]?.startsWith(expected), `${found[0]}\nis not\n${expected}`)
  })

  test('all of it at once, in the order of the file', () => {
    const found = faults(
      `key: [id, tags]\nversion: note\nothers: skip\ncolumns:\n  total: { path: total, unit: ms, default: x }\n  nothing: x`,
    )
    assert.deepEqual(
      found.map((line) => line.split(' ')[1]),
      ['key[1]:', 'version:', 'columns.total.unit:', 'columns.total.default:', 'columns.nothing:'],
    )
  })

  test('a text may end a version where nothing deletes, and a constant may be a document', () => {
    assert.deepEqual(
      faults('key: id\nversion: [revision, note]\nothers: skip\ncolumns: { body: { value: { a: [1.50] } } }'),
      [],
    )
  })
})

describe('records that count once', () => {
  const sums: CatalogTable = {
    kind: 'r',
    columns: [
      column('id', 'bigint', { ...needed, generated: 'identity', hasDefault: true }),
      column('customer', 'uuid', needed),
      column('day', 'date', needed),
      column('orders', 'bigint', needed),
      column('amount', 'numeric(12,2)'),
      column('refunds', 'integer', { ...needed, hasDefault: true }),
      column('created_at', 'timestamptz', { ...needed, hasDefault: true }),
    ],
    keys: [{ columns: ['customer', 'day'], isPrimary: true }],
  }
  const withColumn = (...more: readonly CatalogColumn[]) => ({ ...sums, columns: [...sums.columns, ...more] })
  const sum = 'mode: sum\nkey: [customer, day]\n'
  const written = (text: string, table: CatalogTable = sums) =>
    file(text)
      .bind(table)
      .sink.columns.map(({ name }) => name)

  test('the table has the mode before it is looked at, and after', () => {
    for (const [mode, text] of [
      ['append', 'mode: append\n'],
      ['sum', sum],
    ] as const) {
      const unbound = file(text)
      assert.equal(unbound.table.mode, mode)
      const { sink, rejections } = unbound.bind(sums)
      assert.equal(sink.mode, mode)
      assert.deepEqual(sink.version, [])
      assert.ok(rejections.includes('bad-identity'))
    }
    assert.equal(file(plain).table.mode, undefined)
    assert.equal(file(plain).bind(catalog).sink.mode, undefined)
  })

  test('what the database fills is left to it, unless it is named', () => {
    assert.deepEqual(written('mode: append\n'), ['customer', 'day', 'orders', 'amount'])
    assert.deepEqual(written(sum), ['customer', 'day', 'orders', 'amount'])
    const all = ['customer', 'day', 'orders', 'amount', 'refunds']
    assert.deepEqual(written(`${sum}columns: { refunds: refunds }`), all)
    assert.deepEqual(written(`${sum}others: skip\ncolumns: { orders: { value: 1 } }`), all.slice(0, 3))
  })

  test('where rows are appended no key is needed, and any type goes', () => {
    const table = withColumn(column('tags', 'text[]'), column('body', 'jsonb'))
    assert.deepEqual(faults('mode: append\n', { ...table, keys: [] }), [])
  })

  test.each([
    [
      'a text that is named',
      `${sum}columns: { note: note }`,
      [column('note', 'text')],
      '6:12: columns.note: note is text, and only smallint, integer, bigint and numeric are added up, since only they have exact sums; leave it alone with skip: true',
    ],
    [
      'a text that is not named',
      sum,
      [column('note', 'text')],
      '1:1: columns: note is text, and only smallint, integer, bigint and numeric are added up, since only they have exact sums; leave it alone with skip: true (or all that are not named, with others: skip), or make it part of the key',
    ],
    [
      'a time that nothing else fills',
      sum,
      [column('seen_at', 'timestamptz', needed)],
      '1:1: columns: seen_at is timestamptz, and only smallint, integer, bigint and numeric are added up, since only they have exact sums; make it part of the key, or give it a default in the table',
    ],
    [
      'a time with a default, which need not be given one',
      `${sum}columns: { created_at: at }`,
      [],
      '6:12: columns.created_at: created_at is timestamptz, and only smallint, integer, bigint and numeric are added up, since only they have exact sums; leave it alone with skip: true (or',
    ],
    [
      'a double',
      `${sum}columns: { weight: weight }`,
      [column('weight', 'double precision')],
      '6:12: columns.weight: weight is double precision, and only smallint, integer, bigint and numeric are added up, since only they have exact sums; ALTER TABLE … ALTER COLUMN weight TYPE numeric',
    ],
    [
      'an array of numbers',
      `${sum}columns: { weights: weights }`,
      [column('weights', 'bigint[]')],
      '6:12: columns.weights: weights is bigint[], and only',
    ],
    [
      'a domain',
      `${sum}columns: { points: points }`,
      [column('points', 'sales.points', { domainOf: 'bigint' })],
      '6:12: columns.points: points is sales.points, and only',
    ],
    [
      'a default of null, although the column may be NULL',
      `${sum}columns: { amount: { path: amount, default: null } }`,
      [],
      '6:36: columns.amount.default: is null; amount is added up',
    ],
    [
      'a constant that is null',
      `${sum}columns: { amount: { value: null } }`,
      [],
      '6:22: columns.amount.value: is null; amount is added up',
    ],
    [
      'an identity that is part of the key',
      'mode: sum\nkey: id\nothers: skip\ncolumns: { orders: orders }',
      [],
      '5:1: key: the database numbers id itself (GENERATED ALWAYS AS IDENTITY); take another key, such as customer, day',
    ],
    [
      'no column that is added up',
      `${sum}others: skip`,
      [],
      '1:1: columns: no column is added up; name what is added up: orders, amount, refunds (a column with a default is left alone unless it is named)',
    ],
    [
      'nothing that is appended',
      'mode: append\nothers: skip',
      [],
      '1:1: columns: no column is written; name at least one',
    ],
    [
      'an unknown column that is appended',
      'mode: append\nothers: skip\ncolumns: { ordres: a }',
      [],
      '6:12: columns.ordres: the table has no column "ordres"; did you mean orders?',
    ],
    [
      'an unknown column that is added up',
      `${sum}others: skip\ncolumns: { ordres: a }`,
      [],
      '7:12: columns.ordres: the table has no column "ordres"; did you mean orders?',
    ],
  ] as const)('%s', (_what, text, more, expected) => {
    const found = faults(text, withColumn(...more))
    assert.equal(found.length, 1, found.join('\n'))
    assert.ok(found[0]?.startsWith(expected), `${found[0]}\nis not\n${expected}`)
  })

  test('a table without anything to add up', () => {
    const table = { ...sums, columns: sums.columns.slice(0, 3) }
    assert.deepEqual(faults(sum, table), [
      '1:1: columns: no column is added up; the table needs a column beside the key that is one of smallint, integer, bigint and numeric',
    ])
  })

  test('null is not added up, also where the column may be NULL; what is missing is 0 only where the file says so', () => {
    const { decode } = file(`${sum}columns: { amount: { path: amount, default: 0 } }`).bind(sums)
    const { decode: strict } = file(sum).bind(sums)
    const key = '"customer": "01234567-89ab-4cde-8f01-23456789abcd", "day": "2026-01-31"'
    const reasonOf = (of: typeof decode, json: string) => {
      const decoded = of(delivery(`{${key}, ${json}}`), limits)
      return isRejection(decoded) ? `${decoded.reason}: ${decoded.detail}` : undefined
    }
    assert.equal(reasonOf(decode, '"orders": 1'), undefined)
    assert.equal(reasonOf(decode, '"orders": 1, "amount": null'), undefined)
    assert.equal(reasonOf(decode, '"orders": null'), 'bad-value: the column orders is null, and added up')
    assert.equal(
      reasonOf(strict, '"orders": 1, "amount": null'),
      'bad-value: the column amount is null, and added up',
    )
    assert.equal(reasonOf(strict, '"orders": 1'), 'missing-field: "amount" is missing')
    assert.equal(
      reasonOf(strict, '"orders": 9223372036854775808, "amount": 1')?.slice(0, 26),
      'bad-value: the column orde',
    )
    assert.equal(reasonOf(strict, '"orders": 1, "amount": 0.001')?.slice(0, 9), 'bad-value')
  })

  describe('a message that repeats another', () => {
    const log: CatalogTable = {
      kind: 'r',
      columns: [
        column('id', 'text', needed),
        column('sent_at', 'timestamptz', needed),
        column('note', 'text', needed),
      ],
      keys: [],
    }
    const text = 'mode: append\ncolumns: { id: $messageId, sent_at: $publishTime }'
    const { decode, merge, sink } = file(text).bind(log)
    const recordOf = (messageId: string, attributes: Record<string, string>, note = 'a') => {
      const given = {
        ...delivery(`{"note": "${note}"}`),
        messageId,
        attributes,
        publishTimeMs: 1_767_225_600_000,
      }
      const row = decode(given, limits)
      return { values: sink.columns.map((column) => column.of(row)), ...merge.recordOf(row, given, 0) }
    }

    test('has its id and its time', () => {
      assert.deepEqual(recordOf('8', {}).values, ['8', 1_767_225_600_000_000, 'a'])
      const repeated = recordOf('8', repeatedBy('7', 5))
      assert.deepEqual(repeated.values, ['7', 5000, 'a'])
      const first = { ...delivery('{"note": "a"}'), messageId: '7', publishTimeMs: 5, attributes: {} }
      const record = merge.recordOf(decode(first, limits), first, 0)
      assert.equal(merge.compare(record, repeated), 0)
    })

    test('as a request it has its own, which do not tell it from the other', () => {
      const request = { 'ingester-request': 'a'.repeat(64) }
      const [one, again] = [recordOf('7', request), recordOf('8', request)]
      assert.deepEqual(again.values, ['8', 1_767_225_600_000_000, 'a'])
      assert.equal(merge.compare(one, again), 0)
      assert.equal(merge.compare(one, recordOf('8', request, 'b')), undefined)
    })

    test('is another message where the newest row of a key stays', () => {
      const newest = file(
        'key: id\nversion: sent_at\ncolumns: { id: $messageId, sent_at: $publishTime }',
      ).bind(log)
      const given = { ...delivery('{"note": "a"}'), messageId: '8', attributes: repeatedBy('7', 5) }
      assert.equal(newest.sink.columns[0]?.of(newest.decode(given, limits)), '8')
    })
  })
})

describe('a domain', () => {
  const bound = (domainOf: string, type = 'sales.domain') => ({
    ...catalog,
    columns: [...catalog.columns.slice(0, 3), column('value', type, { domainOf })],
  })
  const valueOf = (domainOf: string, json: string, options = '') => {
    const { decode, sink } = file(named(`value: { path: value${options} }`)).bind(bound(domainOf))
    const row = decode(delivery(`{"id": 1, "revision": 1, "value": ${json}}`), limits)
    return isRejection(row) ? row.reason : sink.columns.at(-1)?.of(row)
  }

  test('takes what the type takes that it restricts, and its options', () => {
    assert.equal(valueOf('jsonb', '{"a": 1.50}'), '{"a": 1.50}')
    assert.equal(valueOf('numeric(5,2)', '1.005'), 'bad-value')
    assert.equal(valueOf('numeric(5,2)', '1.50'), '1.50')
    assert.equal(valueOf('bytea', '"AP8="'), '\\x00ff')
    assert.equal(valueOf('timestamptz', '"now"'), 'bad-value')
    assert.equal(valueOf('timestamptz', '1767225600', ', unit: s'), '2026-01-01T00:00:00Z')
  })
})

describe('a table that was altered', () => {
  const bound = file(`${plain}columns: { total: total, note: { path: note, optional: true } }`).bind(catalog)
  const altered = (change: Partial<CatalogColumn>, name = 'total') => ({
    ...catalog,
    columns: catalog.columns.map((one) => (one.name === name ? { ...one, ...change } : one)),
  })
  const typesOf = (pipeline: typeof bound | undefined) =>
    pipeline?.sink.columns.map(({ name, type }) => `${name} ${type}`)

  test('is the same to it where its own columns are', () => {
    assert.equal(bound.rebind?.(catalog), undefined)
    assert.equal(bound.rebind?.(altered({ type: 'bytea' }, 'body')), undefined)
    const columns = [...catalog.columns, column('added', 'text')]
    assert.equal(bound.rebind?.({ ...catalog, columns }), undefined)
  })

  test('is bound anew where a type or NOT NULL is another', () => {
    const wider = bound.rebind?.(altered({ type: 'numeric(12,4)' }))
    assert.deepEqual(typesOf(wider), ['id bigint', 'revision integer', 'note text', 'total numeric(12,4)'])
    assert.equal(wider?.rebind?.(altered({ type: 'numeric(12,4)' })), undefined)
    assert.deepEqual(typesOf(wider?.rebind?.(catalog)), typesOf(bound))
    assert.ok(bound.rebind?.(altered({ isNullable: true })))
  })

  test('contradicts the file as at the start, and is left to the writes where a column is gone', () => {
    assert.throws(
      () => bound.rebind?.(altered({ isNullable: false }, 'note')),
      /columns\.note\.optional: note is NOT NULL/,
    )
    const columns = catalog.columns.filter(({ name }) => name !== 'note')
    assert.equal(bound.rebind?.({ ...catalog, columns }), undefined)
  })

  test('with others: field takes no column that is added later, before the next start', () => {
    const lean = { ...catalog, columns: catalog.columns.slice(0, 3) }
    const taking = file('key: id\nversion: revision').bind(lean)
    assert.deepEqual(typesOf(taking), ['id bigint', 'tags text[]', 'revision integer'])
    assert.equal(taking.rebind?.({ ...lean, columns: [...lean.columns, column('added', 'text')] }), undefined)
  })
})
