import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../../test/support/seed.ts'
import { Oracle } from './oracle.ts'
import type { Scan } from './scan.ts'
import { keyOfScan } from './scan.ts'

const scan = (change: Partial<Scan> = {}): Scan => ({
  ip: '1.1.1.7',
  port: 443,
  service: 'HTTP',
  timestamp: 100,
  response: 'a',
  ...change,
})

function oracleOf(...scans: Scan[]): Oracle {
  const oracle = new Oracle()
  for (const one of scans) oracle.published(one)
  return oracle
}

const newer = scan({ timestamp: 101, response: 'b' })
const other = scan({ port: 80 })

describe('the oracle', () => {
  test('finds nothing wrong with the newest of each key, in any order of rows', () => {
    const oracle = oracleOf(scan(), other, newer, scan())
    assert.equal(oracle.keys, 2)
    assert.deepEqual(oracle.differences([newer, other]), [])
    assert.deepEqual(oracle.differences([other, newer]), [])
    assert.deepEqual(new Oracle().differences([]), [])
  })

  const wrong: readonly (readonly [what: string, rows: readonly Scan[], told: RegExp])[] = [
    ['a missing row', [other], /^\["1\.1\.1\.7",443,"HTTP"\] is missing$/],
    ['an older row', [scan(), other], /should be "b" of 101, but is "a" of 100$/],
    ['a row from the future', [scan({ timestamp: 102, response: 'b' }), other], /but is "b" of 102$/],
    ['a wrong response', [scan({ timestamp: 101 }), other], /but is "a" of 101$/],
    ['an unpublished row', [newer, other, scan({ ip: '1.1.1.8' })], /8",443,"HTTP"\] was never published$/],
    ['a key twice', [newer, newer, other], /^1 duplicate key in the table$/],
  ]
  for (const [what, rows, told] of wrong) {
    test(`finds ${what}`, () => {
      const differences = oracleOf(scan(), newer, other).differences(rows)
      assert.equal(differences.length, 1, differences.join('\n'))
      assert.match(differences[0] ?? '', told)
    })
  }

  test('reports everything that is wrong', () => {
    assert.equal(oracleOf(newer, other).differences([scan(), scan({ service: 'SSH' })]).length, 3)
  })

  test('can be asked again', () => {
    const oracle = oracleOf(newer)
    assert.equal(oracle.differences([]).length, 1)
    assert.deepEqual(oracle.differences([newer]), [])
  })

  test('breaks ties by UTF-8 bytes, where UTF-16 order would differ', () => {
    const [pair, after] = [scan({ response: '\u{10000}' }), scan({ response: '\uffff' })]
    for (const oracle of [oracleOf(pair, after), oracleOf(after, pair)]) {
      assert.deepEqual(oracle.differences([pair]), [])
      assert.equal(oracle.differences([after]).length, 1)
    }
  })

  test('expects the same table after every order of publishing', () => {
    const some = fc.record({
      ip: fc.constantFrom('1.1.1.7', '1.1.1.8'),
      port: fc.constantFrom(0, 1),
      service: fc.constant('HTTP'),
      timestamp: fc.integer({ min: 0, max: 3 }),
      response: fc.constantFrom('', 'a', 'b', '\uffff', '\u{10000}'),
    })
    const orders = fc
      .array(some, { maxLength: 30 })
      .chain((scans) => fc.tuple(fc.constant(scans), fc.shuffledSubarray(scans, { minLength: scans.length })))
    always(
      fc.property(orders, ([scans, shuffled]) => {
        const rows = scans.filter((one) =>
          scans.every((two) => keyOfScan(one) !== keyOfScan(two) || rank(one) >= rank(two)),
        )
        const table = [...new Map(rows.map((row) => [keyOfScan(row), row])).values()]
        assert.deepEqual(oracleOf(...shuffled).differences(table), [])
      }),
    )
  })
})

/** The order by another way: the time in fixed width, then the bytes as hexadecimal digits. */
function rank({ timestamp, response }: Scan): string {
  return `${timestamp} ${Buffer.from(response).toString('hex')}`
}

test('keys are equal for the same row only', () => {
  const keys = [
    scan({ ip: '1.1.1.1', port: 11 }),
    scan({ ip: '1.1.1.11', port: 1 }),
    scan({ service: '443' }),
    scan({ service: 'HTTP ' }),
    scan({ service: '","' }),
  ].map(keyOfScan)
  assert.equal(new Set(keys).size, keys.length)
  assert.equal(keyOfScan(scan()), keyOfScan(newer))
})
