// Texts that are made to take long, or to overflow a stack. What takes time beyond its length runs into the test's timeout:
// the square of a megabyte is half an hour.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { faultText } from './scan-fault.ts'
import { JsonScanner } from './scanner.ts'
import { elementsOf, sourceOf, textOf } from './values.ts'

const large = 2 ** 20
const wanted = [[], ['a'], ['a', 'a'], [0], [0, 0], ['long']]

function scan(text: string) {
  const scanner = new JsonScanner(wanted)
  const bytes = Buffer.from(text)
  const fault = scanner.scan(bytes, 0, bytes.length)
  if (fault) assert.match(faultText(fault, bytes, 0, bytes.length), /^[ -~]{1,200}$/)
  return fault?.kind
}

test('deep nesting', () => {
  for (const open of ['[', '{"a":', '{"x":', '[{"a":', ' [ '])
    for (const close of ['', '1', ']'.repeat(100_000)])
      assert.equal(scan(open.repeat(100_000) + close), 'too-deep')
  assert.equal(scan(']'.repeat(100_000)), 'not-json')
  assert.equal(scan(`"${'['.repeat(large)}"`), undefined)
})

for (const [what, inside] of [
  ['letters', 'x'.repeat(large)],
  ['backslashes', '\\'.repeat(large)],
  ['escapes', '\\u0041\\n'.repeat(large / 8)],
  ['characters beyond ASCII', '\u65e5'.repeat(large / 3)],
  ['spaces', ' '.repeat(large)],
] as const) {
  test(`a megabyte of ${what} in a text, as a value and as a name`, () => {
    for (const text of [
      `"${inside}"`,
      `{"a":"${inside}"}`,
      `{"x":"${inside}"}`,
      `{"${inside}":1}`,
      `[["${inside}"]]`,
    ])
      assert.equal(scan(text), undefined)
    for (const text of [`"${inside}`, `{"a":"${inside}`, `{"${inside}`, `"${inside}\\`])
      assert.equal(scan(text), 'not-json')
  })
}

test('a megabyte of digits, spaces or commas', () => {
  for (const number of ['1'.repeat(large), `-0.${'0'.repeat(large)}1`, `1e${'9'.repeat(large)}`]) {
    assert.equal(scan(number), undefined)
    assert.equal(scan(`{"a":${number}}`), undefined)
    assert.equal(scan(`${number}.`), 'not-json')
  }
  assert.equal(scan(`{"a":${' '.repeat(large)}1${'\n'.repeat(large)}}`), undefined)
  assert.equal(scan(' '.repeat(large)), 'not-json')
  assert.equal(scan(`[${','.repeat(large)}]`), 'not-json')
})

test('a hundred thousand members or elements', () => {
  const count = 100_000
  const repeated = (member: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => member(at)).join(',')
  assert.equal(scan(`{${repeated((at) => `"x${at}":${at}`)}}`), undefined)
  assert.equal(scan(`{${repeated(() => '"x":1')}}`), undefined)
  assert.equal(scan(`{${repeated(() => '"\\u0062":1')}}`), undefined)
  assert.equal(scan(`{${repeated(() => '"a":{"a":1}')}}`), 'duplicate-key')
  assert.equal(scan(`[${repeated(() => '{"a":[1]}')}]`), undefined)
})

test('small texts before a large one read nothing of it', () => {
  const scanner = new JsonScanner(wanted)
  const beginnings = ['"', '{"', '{"a":"', '1', '{"a":1', ' ', '"\\', '[', '{"long']
  const small = beginnings.join('').length
  for (const rest of ['x', '1', ' ', '[', 'é', '\\\\']) {
    const bytes = Buffer.from(beginnings.join('') + rest.repeat(8 * large))
    for (let round = 0; round < 1000; round++) {
      let from = 0
      for (const { length } of beginnings)
        from += Number(scanner.scan(bytes, from, from + length) !== null) * length
      assert.equal(from, small)
    }
  }
})

test('an array of a hundred thousand elements is visited, and a long value is read', () => {
  const scanner = new JsonScanner([['a'], ['long']])
  const elements = Array.from({ length: 100_000 }, (_, at) => (at % 2 === 0 ? `"${at}"` : String(at)))
  const bytes = Buffer.from(`{"a":[${elements.join()}],"long":"${'\\n'.repeat(large / 2)}"}`)
  assert.equal(scanner.scan(bytes, 0, bytes.length), undefined)
  const [starts, ends] = [scanner.starts, scanner.ends]
  const seen: string[] = []
  elementsOf(bytes, starts[0] as number, ends[0] as number, (kind, start, end) =>
    seen.push(sourceOf(bytes, kind, start, end)),
  )
  assert.deepEqual(seen, elements)
  assert.equal(
    textOf(bytes, scanner.kinds[1] as number, starts[1] as number, ends[1] as number),
    '\n'.repeat(large / 2),
  )
})
