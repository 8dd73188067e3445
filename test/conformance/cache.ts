import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import type { Begun, Cache, CacheRecord, Verdict } from '#core/cache.ts'
import { alwaysAsync } from '../support/seed.ts'

interface CacheFeatures {
  /** Says `stale` of what is known to be committed. */
  readonly remembers: boolean
  /** Says `busy` of what another token has claimed. */
  readonly claims: boolean
}

export type OpenCache = Cache & AsyncDisposable

/** Long enough for a key, and too long to be a part of anything else. */
const longKey = 'k'.repeat(20_000)

/** Keys that are the same where they are joined to something without care, or cut, trimmed, folded or decoded. */
const nastyKeys: readonly string[] = Object.values({
  empty: ['', ' ', '  ', '\t', '\n', '\0', '0', '-', 'undefined', 'null'],
  spaces: ['a', 'a ', ' a', 'a\n', 'a\0', 'A', 'a b', 'a  b', 'a+b', 'ab'],
  escapes: ['%', '%%', '%20', '%25', '%2520', 'a%20b', 'a%3Ab', '%7Ba%7D', '\\', '\\\\', '$1', '"', "'"],
  braces: ['{', '}', '{}', '}{', '{a}', '{a', 'a}', '{a}b', '{b}a', 'a{b}', '{a}{b}', '{{a}}', '{test}'],
  colons: [':', '::', 'a:b', 'a::b', 'a|b', 'a/b', 'a,b', ':a', 'a:'],
  prefixes: ['w', 'c', 'w:', 'c:', ':w', ':c', ':w:', ':c:', 'w:a', 'c:a', ':w:a', ':c:a', 'w:w:a', 'w:c:a'],
  names: [
    'ingester',
    'ingester:',
    'ingester:{test}',
    'ingester:{test:0123456789abcdef}:w:a',
    '}:w:a',
    '}:c:a',
  ],
  unicode: [
    'é',
    'e\u0301',
    'É',
    'ß',
    'ss',
    '😀',
    '😀😀',
    '\u{E000}',
    '\u{FFFD}',
    '\u{FFFF}',
    '\u{10000}',
    '\u00A0',
  ],
  scans: ['1.1.1.1 80 http', '1.1.1.1 8 0http', '1.1.1.1 80 http ', '1.1.1.1  80 http', '1.1.1.18 0 http'],
  long: [longKey, `${longKey}k`, `${longKey} `, `a${longKey}`],
}).flat()

const big = 10n ** 18n
const largest = 2n ** 63n - 1n
const double = 2n ** 53n

/** In ascending order: where digits are added, where doubles no longer tell numbers apart, and the ends. */
const edgeVersions: readonly bigint[] = Object.values({
  digits: [0n, 1n, 2n, 9n, 10n, 11n, 99n, 100n, 101n, 999_999_999n, 1_000_000_000n],
  words: [2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n],
  doubles: [double - 1n, double, double + 1n, double + 2n],
  ends: [big - 1n, big, big + 1n, 9n * big, largest - 2n, largest - 1n, largest],
}).flat()

const megabyte = 'x'.repeat(2 ** 20)

const contents: readonly string[] = Object.values({
  short: ['', ' ', '0', 'a', 'A', 'a ', ' a', '\0', 'a\0'],
  unicode: ['é', 'e\u0301', '😀', '😀😀', '\u{1F600}\u{FE0F}'],
  long: [megabyte, `${megabyte}x`, `${megabyte.slice(1)}y`, `y${megabyte.slice(1)}`],
}).flat()

/** Times that a call is repeated where repeating must change nothing. */
const again = 3

/**
 * What every cache promises. `open` gives one that knows nothing yet; what it said has to be its own word, so a cache
 * that was bypassed is to fail when it is disposed of.
 */
export function cacheConformance(
  name: string,
  open: () => Promise<OpenCache>,
  { remembers, claims }: CacheFeatures,
): void {
  const stale: Verdict = remembers ? 'stale' : 'fresh'
  const busy: Verdict = claims ? 'busy' : 'fresh'

  const verdictsOf = async (cache: Cache, token: string, records: readonly CacheRecord[]) =>
    (await cache.begin(records, token)).verdicts

  const k = (version: number, content = '') => record('k', version, content)

  const commit = async (cache: Cache, token: string, ...records: readonly CacheRecord[]): Promise<void> => {
    const begun = await cache.begin(records, token)
    await begun.confirm(records)
  }

  const onCache = (body: (cache: Cache) => Promise<void>) => async () => {
    await using cache = await open()
    await body(cache)
  }

  describe(`cache: ${name}`, () => {
    test(
      'one verdict per record, in order',
      onCache(async (cache) => {
        const at = (version: number) => ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => record(key, version))
        const [, b, , , , f] = at(5) as [
          CacheRecord,
          CacheRecord,
          CacheRecord,
          CacheRecord,
          CacheRecord,
          CacheRecord,
        ]
        await commit(cache, 'before', b, f)
        await cache.begin(at(5).slice(2, 4), 'other')
        assert.deepEqual(await verdictsOf(cache, 'own', at(5)), ['fresh', stale, busy, busy, 'fresh', stale])
        const reversed = at(5).reverse()
        assert.deepEqual(await verdictsOf(cache, 'own', reversed), [
          stale,
          'fresh',
          busy,
          busy,
          stale,
          'fresh',
        ])
      }),
    )

    test(
      'an empty batch',
      onCache(async (cache) => {
        const begun = await cache.begin([], 'own')
        assert.deepEqual(begun.verdicts, [])
        await begun.confirm([])
        await begun.release([])
      }),
    )

    test(
      '5,000 records',
      onCache(async (cache) => {
        const all = Array.from({ length: 5000 }, (_, at) => record(`key ${at}`, at))
        const third = (rest: number) => all.filter((_, at) => at % 3 === rest)
        await commit(cache, 'before', ...third(0))
        await cache.begin(third(1), 'other')
        const begun = await cache.begin(all, 'own')
        const expected = all.map((_, at) => [stale, busy, 'fresh'][at % 3])
        assert.deepEqual(begun.verdicts, expected)
        await begun.release(third(0))
        assert.deepEqual(
          await verdictsOf(cache, 'next', third(2)),
          third(2).map(() => busy),
        )
        await begun.release(all)
        const last = await cache.begin(third(2), 'next')
        assert.deepEqual(
          last.verdicts,
          third(2).map(() => 'fresh'),
        )
        await last.confirm(third(2))
        assert.deepEqual(
          await verdictsOf(cache, 'last', third(2)),
          third(2).map(() => stale),
        )
      }),
    )

    test(
      'parallel batches, each with its own keys',
      onCache(async (cache) => {
        const batch = (i: number) => Array.from({ length: 300 }, (_, at) => record(`${i} ${at}`, 1))
        const all = Array.from({ length: 8 }, (_, i) => batch(i))
        const begun = await Promise.all(all.map((records, i) => cache.begin(records, `${i}`)))
        await Promise.all(begun.map((one, i) => one.confirm(all[i] as CacheRecord[])))
        const verdicts = await Promise.all(all.map((records, i) => verdictsOf(cache, `again ${i}`, records)))
        assert.deepEqual(
          verdicts.flat(),
          all.flat().map(() => stale),
        )
      }),
    )

    describe('commits', () => {
      test(
        'older or the same is stale; newer is fresh',
        onCache(async (cache) => {
          assert.deepEqual(await verdictsOf(cache, 'a', [k(8, 'x')]), ['fresh'])
          await commit(cache, 'a', k(8, 'x'))
          assert.deepEqual(await verdictsOf(cache, 'b', [k(7, 'x')]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(7, 'y')]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(0)]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8, 'x')]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'a', [k(8, 'x')]), [stale], 'the own token, too')
          assert.deepEqual(await verdictsOf(cache, 'b', [k(9, 'x')]), ['fresh'])
        }),
      )

      test(
        'equal versions with different content are fresh, whichever bytes are greater',
        onCache(async (cache) => {
          await commit(cache, 'a', k(8, 'm'))
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8, 'a')]), ['fresh'])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8, 'z')]), ['fresh'])
          await commit(cache, 'b', k(8, 'z'))
          assert.deepEqual(await verdictsOf(cache, 'c', [k(8, 'z')]), [stale], 'the later one is known')
        }),
      )

      test(
        'an older confirm does not lower it',
        onCache(async (cache) => {
          await commit(cache, 'a', k(8))
          const late = await cache.begin([k(8)], 'b')
          await late.confirm([k(3)])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(7)]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(8)]), [stale])
        }),
      )

      test(
        'a rollback of a newer one forgets nothing',
        onCache(async (cache) => {
          await commit(cache, 'a', k(8))
          const failed = await cache.begin([k(10)], 'b')
          assert.deepEqual(failed.verdicts, ['fresh'])
          await failed.release([k(10)])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(7)]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(8)]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(9)]), ['fresh'])
        }),
      )

      test(
        'begin alone commits nothing',
        onCache(async (cache) => {
          await cache.begin([k(8)], 'a')
          await cache.begin([k(8)], 'a')
          const begun = await cache.begin([k(8)], 'a')
          await begun.release([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(7)]), ['fresh'])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8)]), ['fresh'])
        }),
      )

      test(
        'only confirmed records count, not all that began',
        onCache(async (cache) => {
          const keys = ['a', 'b', 'c'].map((key) => record(key, 5))
          const begun = await cache.begin(keys, 'own')
          await begun.confirm(keys.slice(1, 2))
          await begun.release(keys)
          assert.deepEqual(await verdictsOf(cache, 'other', keys), ['fresh', stale, 'fresh'])
        }),
      )
    })

    describe('claims', () => {
      test(
        'of another token: busy for equal and older versions, not for newer ones',
        onCache(async (cache) => {
          await cache.begin([k(8, 'x')], 'a')
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8, 'x')]), [busy])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8, 'y')]), [busy])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(7, 'x')]), [busy])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(9, 'x')]), ['fresh'])
        }),
      )

      test(
        'busy claims nothing',
        onCache(async (cache) => {
          const first = await cache.begin([k(8)], 'a')
          await cache.begin([k(7)], 'b')
          await first.release([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(7)]), ['fresh'])
        }),
      )

      test(
        'stale claims nothing',
        onCache(async (cache) => {
          await commit(cache, 'a', k(8))
          await cache.begin([k(8)], 'b')
          assert.deepEqual(await verdictsOf(cache, 'c', [k(8, 'other')]), ['fresh'])
        }),
      )

      test(
        'beginning twice with the same token is no conflict, and claims once',
        onCache(async (cache) => {
          for (let i = 0; i < again; i++) {
            assert.deepEqual(await verdictsOf(cache, 'a', [k(8)]), ['fresh'])
          }
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8)]), [busy])
          const begun = await cache.begin([k(8)], 'a')
          await begun.release([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8)]), ['fresh'])
        }),
      )

      test(
        'tokens with a common prefix are different',
        onCache(async (cache) => {
          await cache.begin([k(8)], 'token')
          for (const token of ['token ', 'toke', 'Token', 'oken', 'token|', '|token', '8|token']) {
            const begun = await cache.begin([k(8)], token)
            assert.deepEqual(begun.verdicts, [busy], token)
            await begun.release([k(8)])
          }
          assert.deepEqual(await verdictsOf(cache, 'other', [k(8)]), [busy])
        }),
      )

      test(
        'an older claim is taken over, and its end does not end the newer one',
        onCache(async (cache) => {
          const older = await cache.begin([k(8)], 'a')
          const newer = await cache.begin([k(9)], 'b')
          assert.deepEqual(newer.verdicts, ['fresh'])
          await older.release([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(9)]), [busy], 'after the release')
          await older.confirm([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(9)]), [busy], 'after the confirm')
          assert.deepEqual(await verdictsOf(cache, 'c', [k(8)]), [stale])
          await newer.confirm([k(9)])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(9)]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(10)]), ['fresh'])
        }),
      )

      test(
        'confirm ends them',
        onCache(async (cache) => {
          await commit(cache, 'a', k(8, 'x'))
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8, 'y')]), ['fresh'])
        }),
      )

      test(
        'release ends those of the given records',
        onCache(async (cache) => {
          const keys = ['a', 'b', 'c'].map((key) => record(key, 5))
          const begun = await cache.begin(keys, 'own')
          await begun.release(keys.slice(1, 2))
          assert.deepEqual(await verdictsOf(cache, 'other', keys), [busy, 'fresh', busy])
        }),
      )
    })

    describe('confirm and release', () => {
      test(
        'repeated: like once',
        onCache(async (cache) => {
          const begun = await cache.begin([k(8)], 'a')
          for (let i = 0; i < again; i++) await begun.confirm([k(8)])
          for (let i = 0; i < again; i++) await begun.release([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8)]), [stale])
          const failed = await cache.begin([k(9)], 'c')
          for (let i = 0; i < again; i++) await failed.release([k(9)])
          assert.deepEqual(await verdictsOf(cache, 'd', [k(9)]), ['fresh'])
        }),
      )

      test(
        'late, after other batches: nothing is lowered, and no other claim is lost',
        onCache(async (cache) => {
          const late = await cache.begin([k(8)], 'a')
          await commit(cache, 'b', k(20))
          await cache.begin([k(30)], 'c')
          await late.confirm([k(8)])
          await late.release([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'd', [k(19)]), [stale])
          assert.deepEqual(await verdictsOf(cache, 'd', [k(21)]), [busy])
        }),
      )

      test(
        'release before confirm: the commit is still a fact',
        onCache(async (cache) => {
          const begun = await cache.begin([k(8)], 'a')
          await begun.release([k(8)])
          await cache.begin([k(8)], 'b')
          await begun.confirm([k(8)])
          assert.deepEqual(await verdictsOf(cache, 'c', [k(8)]), [stale])
          assert.deepEqual(
            await verdictsOf(cache, 'c', [k(8, 'other')]),
            [busy],
            `b's claim is not a's to end`,
          )
        }),
      )

      test(
        'never, and then begun again with another token: busy or fresh, never stale',
        onCache(async (cache) => {
          await cache.begin([k(8)], 'lost')
          assert.deepEqual(await verdictsOf(cache, 'next', [k(8)]), [busy])
          await commit(cache, 'next', k(9))
          assert.deepEqual(await verdictsOf(cache, 'last', [k(8)]), [stale])
        }),
      )

      test(
        'all in parallel',
        onCache(async (cache) => {
          const begun = await cache.begin([k(8)], 'a')
          const ends = ['confirm', 'release', 'confirm', 'release'] as const
          await Promise.all(ends.map((end) => begun[end]([k(8)])))
          assert.deepEqual(await verdictsOf(cache, 'b', [k(8), record('other', 1)]), [stale, 'fresh'])
        }),
      )
    })

    test(
      'no two keys are confused',
      onCache(async (cache) => {
        assert.equal(new Set(nastyKeys).size, nastyKeys.length)
        for (const [at, key] of nastyKeys.entries()) {
          const shown = JSON.stringify(key.slice(0, 80))
          const mine = [record(key, 5)]
          const others = nastyKeys.slice(at + 1).map((other) => record(other, 5))
          const fresh = others.map(() => 'fresh')
          const begun = await cache.begin(mine, 'own')
          const beside = await cache.begin(others, 'beside')
          assert.deepEqual(beside.verdicts, fresh, `claimed: ${shown}`)
          await beside.release(others)
          assert.deepEqual(await verdictsOf(cache, 'again', mine), [busy], `released: ${shown}`)
          await begun.confirm(mine)
          assert.deepEqual(await verdictsOf(cache, 'again', mine), [stale], `confirmed: ${shown}`)
          const after = await cache.begin(others, 'after')
          assert.deepEqual(after.verdicts, fresh, `confirmed: ${shown}`)
          await after.release(others)
        }
      }),
    )

    test(
      'versions are compared as numbers, all from 0 to 2^63 − 1',
      onCache(async (cache) => {
        const pairs = edgeVersions.flatMap((older, at) =>
          edgeVersions.slice(at + 1).map((newer) => [older, newer] as const),
        )
        const side = (which: 0 | 1, prefix: string) =>
          pairs.map((pair) => record(`${prefix} ${pair.join(' ')}`, pair[which]))
        const said = (verdict: Verdict) => pairs.map(() => verdict)
        await commit(cache, 'a', ...side(1, 'down'), ...side(0, 'up'))
        assert.deepEqual(await verdictsOf(cache, 'b', side(0, 'down')), said(stale))
        assert.deepEqual(await verdictsOf(cache, 'b', side(1, 'down')), said(stale))
        assert.deepEqual(await verdictsOf(cache, 'b', side(1, 'up')), said('fresh'))

        await cache.begin([...side(1, 'claimed down'), ...side(0, 'claimed up')], 'c')
        assert.deepEqual(await verdictsOf(cache, 'd', side(0, 'claimed down')), said(busy))
        assert.deepEqual(await verdictsOf(cache, 'd', side(1, 'claimed down')), said(busy))
        assert.deepEqual(await verdictsOf(cache, 'd', side(1, 'claimed up')), said('fresh'))

        const lowering = await cache.begin(side(1, 'down'), 'e')
        await lowering.confirm(side(0, 'down'))
        assert.deepEqual(await verdictsOf(cache, 'f', side(1, 'down')), said(stale))
      }),
    )

    test(
      'contents of the same version are distinguished',
      onCache(async (cache) => {
        for (const [at, content] of contents.entries()) {
          await commit(cache, `${at}`, ...contents.map((_, other) => record(`${at} ${other}`, 5, content)))
          const all = contents.map((other, otherAt) => record(`${at} ${otherAt}`, 5, other))
          const expected = contents.map((other): Verdict => (other === content ? stale : 'fresh'))
          assert.deepEqual(await verdictsOf(cache, 'other', all), expected)
        }
      }),
    )

    test('nothing rejects, not even unexpected calls, or calls after the end', async () => {
      const lone = record('\uD800', 5, '\uDC00')
      await using cache = await open()
      const begun = await cache.begin([lone, k(5)], '')
      assert.equal(begun.verdicts.length, 2)
      await begun.confirm([lone, k(5)])
      await begun.release([lone, k(5)])
      await cache[Symbol.asyncDispose]()
      assert.deepEqual(await verdictsOf(cache, 'late', [k(6), k(7)]), ['fresh', 'fresh'])
      await begun.confirm([k(5)])
      await begun.release([k(5)])
    })

    test('any run of begin, confirm and release agrees with a model that has no server', async () => {
      const step = fc.record({
        operation: fc.constantFrom('begin', 'confirm', 'release'),
        batch: fc.constantFrom('a', 'b', 'c'),
        records: fc.uniqueArray(
          fc.record({
            key: fc.constantFrom('k', 'l', 'm'),
            version: fc.constantFrom(9n, 10n, 11n),
            content: fc.constantFrom('x', 'y'),
          }),
          { selector: ({ key }) => key, minLength: 1 },
        ),
      })
      await using cache = await open()
      let run = 0
      const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        run += 1
        const model = modelOf({ remembers, claims })
        const begun = new Map<string, Begun>()
        for (const { operation, batch, records } of steps) {
          // Keys and tokens of a run are its own.
          const token = `${run} ${batch}`
          const asked = records.map((one) => ({ ...one, key: `${run} ${one.key}` }))
          if (operation === 'begin') {
            const answer = await cache.begin(asked, token)
            begun.set(batch, answer)
            assert.deepEqual(
              answer.verdicts,
              asked.map((one) => model.begin(one, token)),
            )
          } else {
            const answer = begun.get(batch)
            if (!answer) continue
            await answer[operation](asked)
            for (const one of asked) model[operation](one, token)
          }
        }
      })
      await alwaysAsync(property, 150)
    })
  })
}

function record(key: string, version: number | bigint, content = ''): CacheRecord {
  return { key, version: BigInt(version), content }
}

/** The protocol, a record at a time. */
function modelOf({ remembers, claims }: CacheFeatures) {
  const watermarks = new Map<string, CacheRecord>()
  const claimed = new Map<string, { version: bigint; token: string }>()
  const release = ({ key }: CacheRecord, token: string): void => {
    if (claimed.get(key)?.token === token) claimed.delete(key)
  }
  return {
    begin(one: CacheRecord, token: string): Verdict {
      const known = remembers ? watermarks.get(one.key) : undefined
      if (
        known &&
        (known.version > one.version || (known.version === one.version && known.content === one.content))
      )
        return 'stale'
      const claim = claims ? claimed.get(one.key) : undefined
      if (claim && claim.token !== token && claim.version >= one.version) return 'busy'
      claimed.set(one.key, { version: one.version, token })
      return 'fresh'
    },
    confirm(one: CacheRecord, token: string): void {
      const known = watermarks.get(one.key)
      if (!known || known.version <= one.version) watermarks.set(one.key, one)
      release(one, token)
    },
    release,
  }
}
