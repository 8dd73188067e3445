// Whatever comes: a mapping never throws, and what it says of a message can be stored and read.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { isIgnored } from '#core/ignored.ts'
import { isRejection } from '#core/rejection.ts'
import { isSeveral } from '#ingest/several.ts'
import * as oracle from '../../../test/support/json-oracle.ts'
import { delivery, limits } from '../../../test/support/scan-message.ts'
import { always } from '../../../test/support/seed.ts'
import { mappingReasons } from './decode-mapping.ts'
import { unboundPipeline } from './mapped-pipeline.ts'
import { parseMapping } from './read-mapping.ts'

const types = [
  'text',
  'varchar(3)',
  'char(2)',
  'name',
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'numeric(6,2)',
  'real',
  'double precision',
  'boolean',
  'uuid',
  'bytea',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'timestamptz(3)',
  'inet',
  'cidr',
  'json',
  'jsonb',
  'sales.mood',
  'interval',
  'text[]',
  'integer[]',
  'numeric[]',
  'timestamptz[]',
  'jsonb[]',
  'bytea[]',
]

const columns = types.map((type, at) => ({
  name: `c${at}`,
  type,
  isNullable: true,
  hasDefault: false,
  generated: 'never' as const,
}))
const required = { isNullable: false, hasDefault: false, generated: 'never' as const }

const options = (type: string) =>
  type.startsWith('timestamp') && !type.endsWith(']')
    ? ['', ', timezone: Europe/Berlin', ', unit: s, timezone: UTC']
    : ['']

/** One column of each type at the path `v`, each in a pipeline of its own, so that none hides another's fault. */
const pipelines = columns.flatMap((column) =>
  options(column.type)
    .map((option) => (column.type.startsWith('timestamptz') ? option.replace(', timezone: UTC', '') : option))
    .map((option) => {
      const text = `name: any\nsubscription: any-sub\ntable: any\nkey: id\nversion: at\nothers: skip
columns: { id: { value: 1 }, at: { value: 1 }, ${column.name}: { path: v${option} } }`
      const whole = ['id', 'at'].map((name) => ({ ...required, name, type: 'integer' }))
      return unboundPipeline(parseMapping(text, 'any.yaml')).bind({
        kind: 'r',
        columns: [...whole, column],
        keys: [],
      })
    }),
)

const likely = fc.constantFrom(
  '"2026-01-31T12:00:00Z"',
  '"2026-01-31T12:00:00"',
  '1767225600.5',
  '"\\u0000"',
  '"\\ud800"',
  '1e999999999',
  '-0.0',
  '"{}"',
  '[[1],[2,3]]',
  '[null,"a"]',
  '"AP8="',
  '"::1"',
  '9'.repeat(5000),
)
const value = fc.oneof(oracle.jsonText, likely)
const message = fc.oneof(
  { weight: 5, arbitrary: value.map((text) => Buffer.from(`{"v": ${text}}`)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
)

test('any message becomes a row, or a dead letter that can be stored', () => {
  const reasons: ReadonlySet<string> = new Set(mappingReasons)
  let rows = 0
  always(
    fc.property(message, fc.constantFrom(...pipelines), (data, pipeline) => {
      const decoded = pipeline.decode(delivery(data), limits)
      assert.ok(!isSeveral(decoded) && !isIgnored(decoded))
      if (isRejection(decoded)) {
        assert.ok(reasons.has(decoded.reason), decoded.reason)
        assert.ok(decoded.detail.isWellFormed() && !decoded.detail.includes('\0'), decoded.detail)
        assert.ok(decoded.detail.length < 400, decoded.detail)
        return
      }
      rows += 1
      for (const column of pipeline.sink.columns) {
        const given = column.of(decoded)
        assert.ok(given === null || ['string', 'number', 'bigint'].includes(typeof given))
        if (typeof given === 'string') assert.ok(given.isWellFormed() && !given.includes('\0'), given)
      }
      // Key, version and size are read without a fault, too.
      assert.ok(pipeline.merge.recordOf(decoded, delivery(data), 0).key === '1')
    }),
    4000,
  )
  assert.ok(rows > 200, `${rows} rows`)
})
