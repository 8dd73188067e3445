import assert from 'node:assert/strict'
import { test } from 'vitest'
import { isRejection } from '#core/rejection.ts'
import { delivery, limits } from '../../../test/support/scan-message.ts'
import { readJson } from '../read-json.ts'
import { faultText } from './scan-fault.ts'
import { JsonScanner } from './scanner.ts'
import type { Segments } from './wanted.ts'

function faultOf(text: string | readonly number[], ...paths: Segments[]) {
  const bytes = Buffer.from(text as string)
  return new JsonScanner(paths).scan(bytes, 0, bytes.length)
}

test('says what is wrong, and where', () => {
  for (const [text, at] of [
    ['', 0],
    ['\uFEFF', 3],
    ['\uFEFF\uFEFF{}', 3],
    ['{"a":01}', 6],
    ['{"a":1,}', 7],
    ['{"x":[1,]}', 8],
    ['{"x":"\n"}', 6],
    ['{"x":"\\x"}', 7],
    ['{"x":"\\u00g0"}', 10],
    ['{"a":truth}', 8],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ['{} {}', 3],
    ['"\\', 2],
  ] as const)
    assert.deepEqual(faultOf(text, ['a']), { kind: 'not-json', at }, text)
  for (const [bytes, at] of [
    [[0x22, 0xff, 0x22], 1],
    [[0x22, 0xc3, 0x22], 1],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    [[0xc0], 0],
    [[0x78, 0x78, 0xf5], 2],
  ] as const)
    assert.deepEqual(faultOf(bytes), { kind: 'not-utf8', at })
})

test('64 levels are not too deep, wanted or not; the 65th is', () => {
  const nested = (levels: number, open: string, close: string) =>
    `${open.repeat(levels)}1${close.repeat(levels)}`
  const times = (levels: number, segment: string | number) => Array.from({ length: levels }, () => segment)
  const paths = [3, 64, 80].flatMap((levels) => [times(levels, 0), times(levels, 'a')])
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
    ['{"x":', '}'],
    ['{"\\"]":', '}'],
  ] as const)
    for (const path of [[], ...paths]) {
      assert.equal(faultOf(nested(64, open, close), path), undefined)
      assert.deepEqual(faultOf(nested(65, open, close), path), { kind: 'too-deep', at: 64 * open.length })
    }
  assert.deepEqual(faultOf(`[[],${'['.repeat(64)}`), { kind: 'too-deep', at: 67 })
  assert.deepEqual(faultOf('["[[\\"", {"a" ['), { kind: 'not-json', at: 14 })
  assert.deepEqual(faultOf(`[${'[],'.repeat(100)} {"a" [`), { kind: 'not-json', at: 307 })
})

test('words a fault as the reader of whole messages does', () => {
  const wordings = (data: Buffer) => {
    const bytes = Buffer.concat([Buffer.from('"'), data, Buffer.from('"')])
    const to = bytes.length - 1
    const fault = new JsonScanner([]).scan(bytes, 1, to)
    const rejection = readJson({ ...delivery(''), data }, limits)
    assert.ok(fault && isRejection(rejection))
    return [
      [fault.kind, faultText(fault, bytes, 1, to)],
      [rejection.reason, rejection.detail],
    ]
  }
  const long = `{"${'x'.repeat(200)}" 1}`
  for (const text of [
    '{',
    '{"a":1,}',
    ' ',
    '\uFEFF',
    '\uFEFFé',
    long,
    '[日本]',
    '"\n"',
    '['.repeat(65),
    '{"a":'.repeat(80),
  ]) {
    const [fault, rejection] = wordings(Buffer.from(text))
    assert.deepEqual(fault, rejection)
  }
  for (const bytes of [[0xff], [0x22, 0xff, 0x22], [0x7b, 0x22, 0xc3]]) {
    const [fault, rejection] = wordings(Buffer.from(bytes))
    assert.deepEqual(fault, rejection)
  }
  assert.equal(
    faultText({ kind: 'not-json', at: 0 }, Buffer.alloc(0), 0, 0),
    'the data is not JSON: Unexpected end of JSON input',
  )
})

test('names what occurs twice', () => {
  const text = (...path: Segments) => faultText({ kind: 'duplicate-key', at: 0, path }, Buffer.alloc(0), 0, 0)
  assert.equal(text('customer', 'id'), '"customer.id" occurs twice')
  assert.equal(text('items', 0, 'sku'), '"items[0].sku" occurs twice')
  assert.equal(text(0, 'sku'), '"[0].sku" occurs twice')
  assert.equal(text('first.name', 'é'), String.raw`"\"first.name\".\"\u00e9\"" occurs twice`)
  assert.match(text('x'.repeat(1000)), /^.{1,100} occurs twice$/)
})
