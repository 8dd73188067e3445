import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { Decoded } from '#core/pipeline.ts'
import { Ignored } from '#core/ignored.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import { delivery } from '../../test/support/scan-message.ts'
import { always } from '../../test/support/seed.ts'
import { anyText } from '../../test/support/text.ts'
import { definePipeline } from './define-pipeline.ts'
import { makePipeline } from './make-pipeline.ts'
import { newestPipeline } from '../../test/support/newest-pipeline.ts'

interface Complaint {
  readonly shop: string
  readonly customer: string
  readonly at: number
  /** Called as a member of a rejection is. */
  readonly reason: string
}

const parts = {
  name: 'complaints',
  format: 1,
  topic: 'complaints',
  subscription: 'complaints-sub',
  decode: (): Decoded<Complaint> => new Rejection('no', 'never'),
  rejections: ['no'],
} as const
const columns = [
  { name: 'shop', type: 'text', of: ({ shop }: Complaint) => shop },
  { name: 'customer', type: 'text', of: ({ customer }: Complaint) => customer },
  { name: 'at', type: 'bigint', of: ({ at }: Complaint) => at },
  { name: 'reason', type: 'text', of: ({ reason }: Complaint) => reason },
] as const

const complaints = makePipeline({
  ...parts,
  table: {
    name: 'complaints',
    columns,
    key: ['shop', 'customer'],
    version: ['at', 'reason'],
  },
})
const row = { shop: 's', customer: 'c', at: 7, reason: 'late' }

test('the record of a row: its key, version and content by the columns that the table names', () => {
  const { bytes, ...record } = newestPipeline(complaints).merge.recordOf(row)
  assert.deepEqual(record, { key: 's c', version: 7n, content: 'late', row })
  assert.ok(bytes >= 's'.length + 'c'.length + 'late'.length)
})

test('no two keys have the same text', () => {
  const text = fc.oneof(anyText, fc.constantFrom('', ' ', 'a', 'a ', ' a', 'a b', 'b', '  ')).map((one) =>
    // Which no value of a row has.
    one.replaceAll('\0', ''),
  )
  const keyOf = (shop: string, customer: string) =>
    newestPipeline(complaints).merge.recordOf({ ...row, shop, customer }).key
  always(
    fc.property(text, text, text, text, (a, b, c, d) => {
      assert.equal(keyOf(a, b) === keyOf(c, d), a === c && b === d)
    }),
    2000,
  )
})

test('a row may have a column called reason: a rejection is one by its kind', () => {
  assert.equal(isRejection({ ...row, detail: 'a column, too' }), false)
  assert.equal(isRejection(new Rejection('no', 'never')), true)
  for (const other of [undefined, null, 'reason', 7, [], {}]) assert.equal(isRejection(other), false)
})

test('the compiler finds a key, a version or a value that names no column of the row', () => {
  const table = { name: 'complaints', columns } as const
  const faulty = [
    () =>
      definePipeline({
        ...parts,
        table: {
          ...table,
          // @ts-expect-error shopp is no column
          key: ['shopp'],
          version: ['at', 'reason'],
        },
      }),
    () =>
      definePipeline({
        ...parts,
        table: {
          ...table,
          key: ['shop'],
          // @ts-expect-error seen is no column
          version: ['seen', 'reason'],
        },
      }),
  ]
  const wrong =
    /table\.(key|version) names the column "(shopp|seen)", which is not among shop, customer, at, reason/
  for (const define of faulty) assert.throws(define, wrong)
  // @ts-expect-error a complaint has no price
  const priceOf = ({ price }: Complaint) => price as number
  assert.equal(priceOf(row), undefined)
})

test('a decoder may ignore: the compiler still knows the row, and the rules are the pipeline’s own', () => {
  const pipeline = definePipeline({
    ...parts,
    decode: ({ messageId }): Complaint | Ignored => (messageId === '' ? new Ignored('test-order') : row),
    ignoreRules: ['test-order'],
    table: {
      name: 'complaints',
      columns: [
        ...columns.map((one) => ({ ...one })),
        // @ts-expect-error a complaint has no price
        { name: 'price', type: 'bigint', of: ({ price }) => price as number },
      ],
      key: ['shop'],
      version: ['at'],
    },
  })
  assert.deepEqual(pipeline.ignoreRules, ['test-order'])
})

test('what is ignored names no record; a message with one record beside it names that', () => {
  const giving = (given: Decoded<Complaint>) =>
    makePipeline({
      ...parts,
      decode: () => given,
      table: { name: 'complaints', columns, key: ['shop', 'customer'], version: ['at'] },
    }).inspector.keyFromMessage(delivery('{}'))
  const skipped = new Ignored('test-order')
  assert.ok(isRejection(giving(skipped)))
  assert.ok(isRejection(giving([skipped])))
  assert.ok(isRejection(giving([skipped, row, row])))
  assert.deepEqual(giving([skipped, row]), { key: 's c', values: ['s', 'c'] })
})
