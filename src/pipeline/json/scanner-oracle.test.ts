// The scanner beside another reader: of every short text, of random ones, and of random ones with a fault.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import * as oracle from '../../../test/support/json-oracle.ts'
import { always } from '../../../test/support/seed.ts'
import { faultText } from './scan-fault.ts'
import { JsonScanner } from './scanner.ts'
import { maxDepth, valueKinds } from './syntax.ts'
import { elementsOf, namesOf, sourceOf, textOf } from './values.ts'
import type { Segments } from './wanted.ts'

const kindNames = Object.keys(valueKinds)

/** Compares what the scanner does of the bytes between `from` and `to` with what it should. True: they are JSON. */
function agrees(
  scanner: JsonScanner,
  paths: readonly Segments[],
  bytes: Buffer,
  from: number,
  to: number,
): boolean {
  const json = oracle.jsonIn(bytes.subarray(from, to))
  const fault = scanner.scan(bytes, from, to)
  if (typeof json === 'string') {
    if (fault?.kind !== 'too-deep') assert.equal(fault?.kind, json)
    assert.ok(fault && fault.at >= from && fault.at <= to)
    assert.match(faultText(fault, bytes, from, to), /^[ -~]{1,200}$/)
    return false
  }
  const whole = oracle.readOf(json.text)
  const wanted = paths.map((path) => oracle.at(whole, path))
  if (oracle.depthOf(whole) > maxDepth) assert.equal(fault?.kind, 'too-deep')
  else if (wanted.some(({ isTwice }) => isTwice)) {
    assert.ok(fault?.kind === 'duplicate-key', 'a name is there twice')
    assert.ok(oracle.at(whole, fault.path).isTwice)
    assert.ok(paths.some((path) => fault.path.every((segment, at) => segment === path[at])))
  } else {
    assert.equal(fault, undefined)
    for (const [place, { value }] of wanted.entries()) compare(scanner, place, bytes, value)
  }
  return true
}

function compare(
  { kinds, starts, ends }: JsonScanner,
  place: number,
  bytes: Buffer,
  value: oracle.Read | 'missing' | 'blocked',
) {
  const [kind, start, end] = [kinds[place] as number, starts[place] as number, ends[place] as number]
  if (typeof value === 'string') return assert.equal(kindNames[kind], value)
  same(kind, start, end, bytes, value)
  if (value.kind === 'object')
    assert.deepEqual(
      namesOf(bytes, start, end),
      value.members.map(([name]) => name),
    )
  if (value.kind !== 'array') return
  let count = 0
  elementsOf(bytes, start, end, (kind, start, end) => same(kind, start, end, bytes, value.elements[count++]))
  assert.equal(count, value.elements.length)
}

function same(kind: number, start: number, end: number, bytes: Buffer, value: oracle.Read | undefined) {
  assert.ok(value)
  const isPlain = value.kind === 'text' && /^"[ !#-[\]-~]*"$/.test(value.source)
  assert.equal(kindNames[kind], isPlain ? 'plainText' : value.kind)
  assert.equal(sourceOf(bytes, kind, start, end), value.source)
  if (value.kind === 'text') assert.equal(textOf(bytes, kind, start, end), JSON.parse(value.source))
}

/** Every text of up to so many of these parts. */
function eachText(parts: readonly string[], length: number, visit: (text: string) => void, text = ''): void {
  visit(text)
  if (length > 0) for (const part of parts) eachText(parts, length - 1, visit, text + part)
}

/** Every text of up to so many of these parts that may still become JSON, or is wrong only with its last part. */
function eachBeginning(
  parts: readonly string[],
  length: number,
  visit: (text: string) => void,
  text = '',
): void {
  visit(text)
  if (length > 0 && mayGoOn(text))
    for (const part of parts) eachBeginning(parts, length - 1, visit, text + part)
}

function mayGoOn(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const { message } = error as Error
    return message.includes('end of JSON input') || message.includes(`at position ${text.length} `)
  }
}

const paths: Segments[] = [[], ['a'], ['a', 'a'], ['b'], [0], [1, 'a'], ['a', 1]]

function checkAll(texts: (visit: (text: string) => void) => void): { json: number; all: number } {
  const scanner = new JsonScanner(paths)
  const count = { json: 0, all: 0 }
  texts((text) => {
    const bytes = Buffer.from(text)
    count.all += 1
    if (agrees(scanner, paths, bytes, 0, bytes.length)) count.json += 1
  })
  return count
}

test('every short text of brackets, names and values', () => {
  const { json, all } = checkAll((visit) =>
    eachBeginning(['{', '}', '[', ']', ',', ':', '"a"', '"b"', '1', 'null', ' '], 6, visit),
  )
  assert.ok(json > 100 && all > 10_000, `${json} of ${all}`)
  const twice = checkAll((visit) => {
    eachBeginning(['"a":', '"\\u0061":', '"b":', '1', '{', '[', ']', '}', ','], 8, visit, '{')
  })
  assert.ok(twice.json > 300, `${twice.json}`)
})

test('every short number and word', () => {
  const { json } = checkAll((visit) => {
    eachText('01-+.eE'.split(''), 4, visit)
    eachBeginning('01-+.eE'.split(''), 6, visit)
    eachText(
      ['t', 'true', 'rue', 'f', 'false', 'null', 'n', 'nul', 'l', ' ', '\t', '\v', '\f', '\u00a0'],
      3,
      visit,
    )
  })
  assert.ok(json > 500, `${json}`)
})

test('every short text with escapes', () => {
  const parts = ['\\', 'u', '"', 'a', '0', '/', '\x7f', '\x1f', 'é', '\\u00', 'Fe', 'g9', '\ud83d\ude00']
  const { json } = checkAll((visit) =>
    eachText(parts, 4, (text) => {
      visit(`"${text}"`)
      visit(`{"${text}":1}`)
    }),
  )
  assert.ok(json > 10_000, `${json}`)
})

test('every kind of UTF-8 sequence, right and wrong', () => {
  const scanner = new JsonScanner([[]])
  const some = [0x22, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
  let json = 0
  for (let lead = 0x80; lead < 0x100; lead++)
    for (const second of some)
      for (const third of some)
        for (const fourth of some) {
          const bytes = Buffer.from([0x22, lead, second, third, fourth, 0x22])
          if (agrees(scanner, [[]], bytes, 0, bytes.length)) json += 1
        }
  assert.ok(json > 1000, `${json}`)
})

const neighbor = fc.oneof(
  fc
    .constantFrom('', '"', '}', ']', '1', '.5', ',', 'e', ' ', '{"a":', '\uFEFF')
    .map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 4 }).map((all) => Buffer.from(all)),
)

test('random texts, beside whatever lies before and after them', () => {
  let withValue = 0
  always(
    fc.property(
      oracle.jsonPaths,
      fc.array(fc.tuple(neighbor, oracle.jsonText, neighbor), { minLength: 1, maxLength: 4 }),
      (paths, all) => {
        const scanner = new JsonScanner(paths)
        for (const [before, text, after] of all) {
          const bytes = Buffer.concat([before, Buffer.from(text), after])
          const to = bytes.length - after.length
          assert.ok(agrees(scanner, paths, bytes, before.length, to))
          if (paths.some((path, at) => path.length > 0 && scanner.kinds[at] !== 0)) withValue += 1
        }
      },
    ),
    3000,
  )
  assert.ok(withValue > 100, `${withValue} had a wanted value`)
})

test('random texts that are cut or changed', () => {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat(2),
    added: fc.oneof(
      fc.constantFrom(...'{}[],:"\\0-.eEu tn\n'.split('')).map((character) => Buffer.from(character)),
      fc.uint8Array({ maxLength: 2 }).map((all) => Buffer.from(all)),
    ),
  })
  const isCut = fc.constantFrom(false, false, true)
  let json = 0
  let all = 0
  always(
    fc.property(
      oracle.jsonPaths,
      oracle.jsonText,
      change,
      isCut,
      neighbor,
      (paths, text, { at, removed, added }, isCut, after) => {
        const bytes = Buffer.from(text)
        const from = Math.floor(at * bytes.length)
        const changed = isCut
          ? bytes.subarray(0, from)
          : Buffer.concat([bytes.subarray(0, from), added, bytes.subarray(from + removed)])
        if (agrees(new JsonScanner(paths), paths, Buffer.concat([changed, after]), 0, changed.length))
          json += 1
        all += 1
      },
    ),
    5000,
  )
  assert.ok(json > all / 100 && json < all, `${json} of ${all} were JSON`)
})
