// A record is canonical: a message that is made of its values is that record again.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { isRejection } from '#core/rejection.ts'
import { accepted, base64, decode, json, latest, v1, v2 } from '../support/scan-message.ts'
import { always } from '../support/seed.ts'
import { anyText } from '../support/text.ts'

const texts = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  anyText,
  fc.constantFrom('', '\ufeff', 'a\r\n', '\u{1F600}', 'e\u0301'),
)

const scan = fc.record({
  ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.constantFrom('::ffff:1.2.3.4', '0:0::1')),
  port: fc.integer({ min: -1, max: 65_537 }),
  service: texts,
  timestamp: fc.integer({ min: -1, max: latest + 1 }),
  data: texts.map((response_str) => ({ response_str })),
})

test('a message made from a record decodes to that record, in both data versions', () => {
  let kept = 0
  always(
    fc.property(scan, (fields) => {
      const record = decode(json(fields))
      if (isRejection(record)) return
      kept += 1
      const { ip, port, service, response, timestamp } = record.row
      const again = json({ ip, port, service, timestamp, data: { response_str: response } })
      assert.deepEqual(accepted(again), record)
      assert.equal(accepted(v1(base64(response))).content, accepted(v2(response)).content)
    }),
    2000,
  )
  assert.ok(kept > 100, `only ${kept} of 2000 were messages that can be stored`)
})
