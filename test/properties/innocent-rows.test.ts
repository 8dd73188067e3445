// A row is dead-lettered only if it is the cause: not for a few inexplicable answers, and not because the table was
// changed, at whatever moment, so that it takes no row at all until it is changed back, at whatever moment.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { alwaysAsync } from '../support/seed.ts'
import { World } from '../support/world.ts'

const message = fc
  .tuple(
    fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    fc.constantFrom(1, 2, 3),
    fc.constantFrom('x', 'y', 'bad'),
  )
  .map((parts) => parts.join(' '))

/**
 * Statements, by number, that end in an unknown error; near each other, so that one row may have several of them. Fewer
 * than six: a row is dead-lettered that was rejected alone three times, twice each time.
 */
const strange = fc
  .tuple(fc.nat(20), fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }))
  .map(([first, gaps]) => gaps.reduce((all, gap) => [...all, (all.at(-1) ?? 0) + gap], [first]))

const cases = fc.record({
  groups: fc.array(fc.array(message, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 }),
  maxBatchRecords: fc.constantFrom(2, 4, 8),
  strange,
  /** The first statement that finds the table changed. */
  changedAt: fc.option(fc.nat(40), { nil: Infinity }),
  /** This many statements find it so, if it is not changed back before. */
  changedFor: fc.option(fc.integer({ min: 1, max: 30 }), { nil: Infinity }),
})

/** More than any pause of the engine. */
const amplyMs = 10_000
/** Refused rows wait for neighbours, and are tried a few times. */
const rounds = 12

test('whatever a table answers, only rows that are at fault themselves are dead-lettered', async () => {
  const property = fc.asyncProperty(cases, async ({ changedAt, changedFor, ...drawn }) => {
    const { groups, maxBatchRecords, strange } = drawn
    const world = new World({ maxBatchRecords })
    let statements = 0
    world.table.fail({ class: 'unknown', when: () => strange.includes(statements++) })
    world.table.fail({
      class: 'bad-row',
      code: '23514',
      when: (records) => records.some(({ content }) => content === 'bad'),
    })
    const changeBack = world.table.fail({
      class: 'bad-row',
      code: '23502',
      when: () => statements > changedAt && statements <= changedAt + changedFor,
    })
    for (const group of groups) {
      await world.publish(...group)
      await world.advance(1000)
    }
    changeBack()
    for (let round = 0; round < rounds; round++) {
      await world.publish(`neighbour${round} 1 x`)
      await world.advance(amplyMs)
    }
    await world.stop(amplyMs)
    assert.deepEqual(
      world.deadLetters.texts.filter((text) => !text.endsWith(' bad')),
      [],
    )
    assert.deepEqual(world.tableBreaches, [])
    assert.equal(world.source.unacked.length, 0)
  })
  await alwaysAsync(property, 150)
})
