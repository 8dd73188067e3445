import { Random } from '#demo/random.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { PostgresEndpoint } from './postgres-endpoint.ts'
import { SimulatedPostgresPool } from './postgres-pool.ts'
import type { TableObserver } from './postgres-transaction.ts'
import { SimulatedPostgres } from './postgres.ts'
import { Story } from './story.ts'
import { Wire, calm } from './wire.ts'

/** A simulated server in good weather, for tests of its own. */
export function openPostgres(table: PostgresTable, observer: TableObserver = { placed: () => {} }) {
  const clock = new VirtualClock()
  const story = new Story(clock, false)
  const server = new SimulatedPostgres(table, observer, () => clock.unixMs())
  const wire = new Wire('postgres', calm, clock, new Random(1), story)
  const postgres = new PostgresEndpoint(server, wire, story)
  return {
    clock,
    server,
    postgres,
    /** A process's. */
    poolOf: (name: string) =>
      new SimulatedPostgresPool({ name, alive: true, clock, at: () => {} }, postgres, 10),
    /** Time passes while a caller waits. */
    inTime: async <T>(work: Promise<T>): Promise<T> => {
      let isOver = false
      const settled = work.then(
        () => (isOver = true),
        () => (isOver = true),
      )
      while (!isOver) await clock.advance(1)
      await settled
      return await work
    },
  }
}
