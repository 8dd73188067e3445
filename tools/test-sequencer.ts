import { relative } from 'node:path'
import type { TestSpecification } from 'vitest/node'
import { BaseSequencer } from 'vitest/node'

/** Files that mostly wait, and for how long: seconds on two processors. */
export const waiting: Readonly<Record<string, number>> = {
  'src/pubsub/bounds.e2e.test.ts': 60,
  'src/pubsub/exactly-once.e2e.test.ts': 44,
  'src/pubsub/leases.e2e.test.ts': 30,
  'src/redis/connection.redis.test.ts': 22,
  'src/pubsub/deliveries.e2e.test.ts': 20,
  'src/pubsub/reconnect.e2e.test.ts': 20,
  'src/pubsub/stop.e2e.test.ts': 20,
  'src/redis/cache.redis.test.ts': 18,
  'src/emulator/wire/clients-subscribe.e2e.test.ts': 15,
  'test/conformance/pubsub/embedded.e2e.test.ts': 14,
  'test/properties/faulty-network.pg.test.ts': 12,
  'test/cache/crash.redis.test.ts': 10,
  'test/cache/order.redis.test.ts': 10,
  'test/cache/rollback.redis.test.ts': 10,
  'test/engine/lone-row.pg.test.ts': 10,
  'src/redis/doctor/checks.redis.test.ts': 10,
}

/** The longest of the others. */
export const busy: Readonly<Record<string, number>> = {
  'test/e2e/demo.e2e.test.ts': 40,
  'test/e2e/cache.e2e.test.ts': 34,
  'test/e2e/readme.e2e.test.ts': 23,
  'test/e2e/doctor.e2e.test.ts': 22,
  'test/e2e/outage.e2e.test.ts': 21,
  'test/e2e/start.e2e.test.ts': 20,
  'test/e2e/several-pipelines.e2e.test.ts': 19,
  'test/e2e/stack.e2e.test.ts': 18,
  'src/postgres/doctor/checks.pg.test.ts': 16,
  'test/repository/test-runner.e2e.test.ts': 15,
  'test/repository/package.e2e.test.ts': 14,
  'test/conformance/pubsub/official-emulator.e2e.test.ts': 14,
  'test/e2e/memory.e2e.test.ts': 13,
  'test/e2e/redrive.e2e.test.ts': 13,
  'test/e2e/replicas.e2e.test.ts': 12,
  'test/cache/degraded.redis.test.ts': 12,
  'test/e2e/dead-letters.e2e.test.ts': 10,
}

const othersTake = 3

/**
 * Files that wait run beside files that compute, from the first to the last, and the short ones come last: otherwise the
 * processors have too much to do at one time, and nothing at another.
 */
export class TestSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const { root } = this.ctx.config
    // Vitest's own order keeps projects together.
    const projects = Map.groupBy(sorted, ({ project }) => project)
    return [...projects.values()].flatMap((some) => mixed(some, ({ moduleId }) => relative(root, moduleId)))
  }
}

/** Each of the two kinds longest first, both spread over the whole time. */
export function mixed<File>(files: readonly File[], pathOf: (file: File) => string): File[] {
  const waits = (file: File) => pathOf(file) in waiting
  const placed = [files.filter(waits), files.filter((file) => !waits(file))].flatMap((kind) => {
    const timed = kind.map((file) => ({ file, seconds: secondsOf(pathOf(file)) }))
    const total = timed.reduce((sum, { seconds }) => sum + seconds, 0)
    let before = 0
    return timed
      .toSorted((a, b) => b.seconds - a.seconds)
      .map(({ file, seconds }) => {
        const at = before / total
        before += seconds
        return { file, at }
      })
  })
  return placed.toSorted((a, b) => a.at - b.at).map(({ file }) => file)
}

const secondsOf = (path: string): number => waiting[path] ?? busy[path] ?? othersTake
