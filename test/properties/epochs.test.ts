// The cache client while its table changes under it: calls of several batches under way at once, answered in any order,
// and between any two of these the table becomes another one, or which one it is becomes unknown. Whatever is said to be
// stale was committed to the table as it is then, and what is noted was committed to the table that it is noted of.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { Begun, CacheRecord, Verdict } from '#core/cache.ts'
import { noLogger } from '#core/logger.ts'
import { RedisCache } from '#redis/cache.ts'
import type { ScriptRunner } from '#redis/script-runner.ts'
import { SimulatedRedis } from '../simulated/servers/redis.ts'
import { alwaysAsync } from '../support/seed.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const record = fc.record({
  key: fc.constantFrom('k', 'l'),
  version: fc.constantFrom(1n, 2n),
  content: fc.constantFrom('x', 'y'),
})

const step = fc.oneof(
  { arbitrary: fc.record({ begin: record }), weight: 5 },
  /** A batch, by number, commits or gives up. */
  { arbitrary: fc.record({ commit: fc.nat(5) }), weight: 4 },
  { arbitrary: fc.record({ release: fc.nat(5) }), weight: 1 },
  /** One of the calls under way is carried out and answered. */
  { arbitrary: fc.record({ answer: fc.nat(3) }), weight: 8 },
  { arbitrary: fc.record({ epoch: fc.constantFrom('1', '2', '3', undefined) }), weight: 3 },
)

/** A connection whose calls are answered when the test says so. */
class SlowRunner implements ScriptRunner {
  readonly unavailableReason = undefined
  readonly waiting: (() => void)[] = []
  readonly #server: SimulatedRedis

  constructor(server: SimulatedRedis) {
    this.#server = server
  }

  onOpened(): void {}
  async firstAttempt(): Promise<void> {}
  close(): void {}

  run(keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return new Promise((resolve) => this.waiting.push(() => resolve(this.#server.run(keys, args))))
  }
}

const factOf = (epoch: string, { key, version, content }: CacheRecord) => ({ epoch, key, version, content })

test('a record called stale is committed to the current table, whatever happened to it meanwhile', async () => {
  let stale = 0
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }),
    async (steps) => {
      const clock = new VirtualClock()
      const runner = new SlowRunner(new SimulatedRedis(clock))
      let epoch: string | undefined = '1'
      const facts: ReturnType<typeof factOf>[] = []
      const batches: { begun: Begun; record: CacheRecord; epoch: string | undefined }[] = []
      const cache = new RedisCache({
        connection: runner,
        clock,
        claims: true,
        ttlMs: 3_600_000,
        pipeline: { name: 'test', format: 1 },
        epoch: () => epoch,
        isStill: async (one) => one === epoch,
        observer: {},
        logger: noLogger,
      })
      const wrong: string[] = []
      const judge = (verdict: Verdict | undefined, said: CacheRecord) => {
        if (verdict !== 'stale') return
        stale += 1
        const isFact = facts.some(
          (fact) => fact.epoch === epoch && fact.key === said.key && fact.version >= said.version,
        )
        if (!isFact) wrong.push(`${said.key} ${said.version} is not stale in epoch ${epoch}`)
      }
      for (const [at, one] of steps.entries()) {
        if ('begin' in one) {
          const atBegin = epoch
          void cache.begin([one.begin], `${at}`).then((begun) => {
            judge(begun.verdicts[0], one.begin)
            batches.push({ begun, record: one.begin, epoch: atBegin })
          })
        } else if ('commit' in one) {
          const batch = batches[one.commit]
          if (!batch) continue
          // Its statement ran before the table became another one, and that was not known before its end.
          if (batch.epoch !== undefined) facts.push(factOf(batch.epoch, batch.record))
          void batch.begun.confirm([batch.record])
        } else if ('release' in one) {
          const batch = batches[one.release]
          void batch?.begun.release([batch.record])
        } else if ('answer' in one) {
          runner.waiting.splice(one.answer % Math.max(1, runner.waiting.length), 1)[0]?.()
        } else epoch = one.epoch
        await clock.settle()
        assert.deepEqual(wrong, [])
      }
    },
  )
  await alwaysAsync(property, 1000)
  assert.ok(stale > 100, `only ${stale} were stale`)
})
