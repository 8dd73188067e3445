import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { CacheRecord } from '#core/cache.ts'
import { always } from '../../test/support/seed.ts'
import { anyCharacter } from '../../test/support/text.ts'
import { Keyspace, watermarkValue } from './encoding.ts'

const largest = 2n ** 63n - 1n

const record = (key: string, version: bigint, content = ''): CacheRecord => ({ key, version, content })
const compare = (a: string, b: string) => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))

/** Where digits are added, where doubles no longer tell numbers apart, the ends, and anything. */
const version = fc.oneof(
  fc.bigInt({ min: 0n, max: largest }),
  fc
    .tuple(fc.constantFrom(0n, 10n, 100n, 2n ** 32n, 2n ** 53n, 10n ** 18n, largest), fc.bigInt(-2n, 2n))
    .map(([edge, step]) => edge + step)
    .filter((one) => one >= 0n && one <= largest),
)

/** Well-formed, and rich in what our names are made of. */
const nasty = fc.string({
  maxLength: 10,
  unit: fc.oneof(
    fc.constantFrom(
      ':',
      '{',
      '}',
      '%',
      ' ',
      'w',
      'c',
      'a',
      '0',
      '%3A',
      ':w:',
      ':c:',
      '}:w:',
      'ingester:{',
      '\0',
    ),
    anyCharacter,
  ),
})

describe('a watermark value', () => {
  test('orders as the version does, and has a fixed width', () => {
    const property = fc.property(version, version, nasty, nasty, (a, b, contentA, contentB) => {
      const [first, second] = [
        watermarkValue(record('k', a, contentA)),
        watermarkValue(record('k', b, contentB)),
      ]
      for (const mark of [first, second]) assert.match(mark, /^\d{19}:[\w-]{22}$/)
      assert.equal(BigInt(first.slice(0, 19)), a)
      if (a !== b) assert.equal(compare(first, second), a < b ? -1 : 1)
    })
    always(property, 2000)
  })

  test('is the same if and only if version and content are; the key has no part in it', () => {
    const alike = fc.tuple(nasty, nasty, nasty).map(([start, a, b]) => [start + a, start + b] as const)
    const property = fc.property(alike, version, nasty, nasty, ([a, b], at, keyA, keyB) => {
      const same = watermarkValue(record(keyA, at, a)) === watermarkValue(record(keyB, at, b))
      assert.equal(same, a === b)
    })
    always(property, 2000)
  })

  // What a scanned host answers is its own choice: a hash that was made for speed alone lets it choose two answers
  // that are one. xxHash64 takes these for the same.
  test('distinguishes constructed lookalikes', () => {
    const a = 'A'.repeat(64)
    const b = `xxxxx19r${'A'.repeat(24)}eGKA17./${'A'.repeat(24)}`
    assert.equal(b.length, a.length)
    assert.notEqual(watermarkValue(record('k', 1n, a)), watermarkValue(record('k', 1n, b)))
  })

  // All replicas read each other's marks, in whatever release they are. Change `format` with these.
  test('keeps its format', () => {
    assert.equal(watermarkValue(record('k', 0n)), '0000000000000000000:47DEQpj8HBSa-_TImW-5JC')
    assert.equal(
      watermarkValue(record('k', largest, 'hello world')),
      '9223372036854775807:uU0nuZNNPgilLlLX2n2r-s',
    )
    assert.equal(
      watermarkValue(record('k', 1_700_000_000n, 'Grüße 😀')),
      '0000000001700000000:NDbPHC-RKSPrbFhDK8lz8e',
    )
  })
})

describe('key names', () => {
  const names = ({ pipeline, format, epoch, key }: Parts, kind: 'watermark' | 'claim') =>
    new Keyspace({ name: pipeline, format }, epoch)[kind](record(key, 1n))

  interface Parts {
    readonly pipeline: string
    readonly format: number
    readonly epoch: string
    readonly key: string
  }
  const parts: fc.Arbitrary<Parts> = fc.record({
    pipeline: nasty,
    format: fc.nat(20),
    epoch: nasty,
    key: nasty,
  })
  /** Two that differ in few parts, or in none. */
  const pair = fc
    .tuple(parts, parts, fc.subarray(['pipeline', 'format', 'epoch', 'key'] as const))
    .map(
      ([a, b, changed]) =>
        [a, { ...a, ...Object.fromEntries(changed.map((part) => [part, b[part]])) }] as const,
    )

  test('are the same if and only if pipeline, format, epoch, kind and key are', () => {
    const property = fc.property(pair, ([a, b]) => {
      const same = isDeepStrictEqual(Object.values(a), Object.values(b))
      assert.equal(names(a, 'watermark') === names(b, 'watermark'), same)
      assert.equal(names(a, 'claim') === names(b, 'claim'), same)
      assert.notEqual(names(a, 'watermark'), names(b, 'claim'))
    })
    always(property, 3000)
  })

  test('differ if the boundary between parts differs', () => {
    const at = (pipeline: string, format: number, epoch: string, key: string): Parts => ({
      pipeline,
      format,
      epoch,
      key,
    })
    const all = [
      at('a', 1, 'e', 'b'),
      at('a', 11, 'e', 'b'),
      at('a', 1, '1e', 'b'),
      at('a:w', 1, 'e', 'b'),
      at('a', 1, 'e', 'w:b'),
      at('a', 1, 'e', ':w:b'),
      at('a', 1, 'e', 'c:b'),
      at('a}', 1, 'e', 'b'),
      at('a%7D', 1, 'e', 'b'),
      at('', 1, 'e', 'a:b'),
      at('a', 1, '', 'b'),
      at('a', 1, 'e,1', 'b'),
      at('a', 1, 'e', ''),
    ]
    const made = all.flatMap((one) => [names(one, 'watermark'), names(one, 'claim')])
    assert.equal(new Set(made).size, 2 * all.length)
  })

  test('have one hash tag, which is not empty, whatever pipeline and key look like', () => {
    const property = fc.property(nasty, nasty, fc.array(nasty, { minLength: 1 }), (pipeline, epoch, keys) => {
      const made = keys.flatMap((key) => [
        names({ pipeline, format: 1, epoch, key }, 'watermark'),
        names({ pipeline, format: 1, epoch, key }, 'claim'),
      ])
      const tags = new Set(made.map(hashTag))
      assert.equal(tags.size, 1)
      assert.notEqual([...tags][0], undefined)
    })
    always(property, 500)
  })

  // An operator finds and deletes them by their beginning, and replicas of different releases share them.
  test('keep their format', () => {
    const keyspace = new Keyspace({ name: 'scans: new {1}', format: 1 }, 'an epoch')
    assert.equal(
      keyspace.watermark(record('1.1.1.1 80 {x}', 1n)),
      'ingester:{scans%3A%20new%20%7B1%7D:3645d19994461cd0}:w:1.1.1.1 80 {x}',
    )
    assert.equal(
      keyspace.claim(record('1.1.1.1 80 {x}', 1n)),
      'ingester:{scans%3A%20new%20%7B1%7D:3645d19994461cd0}:c:1.1.1.1 80 {x}',
    )
    assert.equal(keyspace.epoch, 'an epoch')
  })
})

/** What decides the slot of a cluster: between the first { and the next }, if there is anything between them. */
function hashTag(name: string): string | undefined {
  const start = name.indexOf('{')
  const end = name.indexOf('}', start + 1)
  return start < 0 || end < 0 || end === start + 1 ? undefined : name.slice(start + 1, end)
}
