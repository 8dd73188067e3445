import fc from 'fast-check'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareVersions } from '#pipeline/newest.ts'
import type { FailureClass } from '#core/write-failure.ts'
import type { Random } from '#demo/random.ts'
import { sleep } from '#runtime/clock.ts'
import type { Fault } from '../simulated/ports/table.ts'
import { SimulatedTable } from '../simulated/ports/table.ts'
import type { World } from '../support/world.ts'

/** One thing that happens to a world. */
export interface Step {
  readonly play: (world: World) => unknown
  readonly [fc.toStringMethod]: () => string
}

function step(name: string, play: Step['play']): Step {
  return { play, [fc.toStringMethod]: () => name }
}

const keys = ['a', 'b', 'c', 'd', 'e', 'f']
/** The last two are ordered one way as UTF-8 and the other way as UTF-16. */
const contents = ['x', 'y', 'bad', '\u{FF5E}', '\u{1F600}']

const texts = fc
  .tuple(fc.constantFrom(...keys), fc.constantFrom(1, 2, 3, 10), fc.constantFrom(...contents))
  .map((words) => words.join(' '))

const record = fc.oneof(
  { arbitrary: texts, weight: 18 },
  { arbitrary: fc.constant('nonsense'), weight: 2 },
  { arbitrary: fc.constantFrom('skip', 'skip so'), weight: 1 },
)
/** None or several in one message. */
const several = fc.array(record, { maxLength: 4 }).map((all) => `${all.join(';')};`)

const publish = fc
  .array(fc.oneof({ arbitrary: record, weight: 5 }, { arbitrary: several, weight: 1 }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((batch) => step(`publish ${batch.join(', ')}`, (world) => world.publish(...batch)))

const redeliver = fc
  .nat(40)
  .map((id) => step(`redeliver ${id}`, (world) => world.source.redeliver(String(id))))

const rival = texts.map((text) => step(`rival ${text}`, (world) => world.rival(text)))

const environmentFailures = ['infrastructure', 'no-rights', 'schema-drift', 'conflict', 'too-big'] as const
const classes = [...environmentFailures, 'bad-row', 'unknown'] as const

type Strikes = NonNullable<Fault['when']>
const touching =
  (test: (record: KeyedRecord) => boolean): Strikes =>
  (records) =>
    records.some(test)

const whens: Record<string, Strikes> = {
  always: () => true,
  'rows with bad': touching(({ content }) => content === 'bad'),
  'rows of a': touching(({ key }) => key === 'a'),
  'many rows': (records) => records.length > 2,
}

const fault = (of: readonly FailureClass[]) =>
  fc
    .record({
      class: fc.constantFrom(...of),
      when: fc.constantFrom(...Object.keys(whens)),
      times: fc.constantFrom(1, 2, 5, Infinity),
      commits: fc.boolean(),
    })
    .map(({ class: name, when, times, commits }) => {
      // A refused row was not stored; only a reply can be lost.
      const lost = commits && (name === 'infrastructure' || name === 'conflict')
      const text = `fail ${name} on ${when}, ${times} times${lost ? ', committed' : ''}`
      const strikes = whens[when] ?? (() => true)
      return step(text, (world) => world.table.fail({ class: name, when: strikes, times, commits: lost }))
    })

/** Statements take this long from now on, so that time passes in the middle of a search. */
const slow = (ms: number) =>
  step(`statements take ${ms} ms`, ({ table, clock }) => {
    table.write = async (records) => {
      await sleep(clock, ms)
      return SimulatedTable.prototype.write.call(table, records)
    }
  })

const others = fc.constantFrom(
  slow(0),
  slow(30),
  slow(70),
  step('block the table', (world) => world.table.block()),
  step('unblock the table', (world) => world.table.unblock()),
  step('fix the table', (world) => world.table.fixAll()),
  step('dead letters fail', (world) => world.deadLetters.fail('infrastructure')),
  step('dead letters work', (world) => world.deadLetters.fix()),
  step('confirms get lost', (world) => (world.cache.confirmReturns = false)),
  step('confirms come back', (world) => (world.cache.confirmReturns = true)),
)
const advance = fc
  .constantFrom(1, 9, 50, 300, 1000, 6000, 60_000)
  .map((ms) => step(`advance ${ms}`, (world) => world.advance(ms)))

const schedule = (of: readonly FailureClass[]) =>
  fc.array(
    fc.oneof(
      { arbitrary: publish, weight: 6 },
      { arbitrary: redeliver, weight: 2 },
      { arbitrary: rival, weight: 1 },
      { arbitrary: fault(of), weight: 3 },
      { arbitrary: others, weight: 5 },
      { arbitrary: advance, weight: 4 },
    ),
    { maxLength: 30 },
  )

/** Anything may happen. */
export const schedules = schedule(classes)
/** Nothing happens for which a row is to blame. */
export const environmentFailureSchedules = schedule(environmentFailures)

/** How long another process's claim lasts: less than a pause, a few pauses, and longer than any record may wait for it. */
const claimsMs = [0, 30, 200, 4000, 600_000]

/**
 * `stale` only where it is true, then most of the time; `busy` whether true or not, now and then of one record, and
 * sometimes of a key for a while. Between two questions of one batch the answer may change.
 */
export function truthfulCache({ cache, clock, table }: World, random: Random): void {
  const claimedUntilMs = new Map<string, number>()
  cache.verdict = (record) => {
    const row = table.rows.get(record.key)
    const stale = row !== undefined && compareVersions({ ...row, ...record }, row) <= 0
    if (stale && random.next() < 0.7) return 'stale'
    if (clock.now() < (claimedUntilMs.get(record.key) ?? 0)) return 'busy'
    if (random.next() >= 0.2) return 'fresh'
    claimedUntilMs.set(record.key, clock.now() + (claimsMs[random.below(claimsMs.length)] ?? 0))
    return 'busy'
  }
}
