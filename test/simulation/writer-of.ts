import type { Pipeline } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import type { Sink } from '#core/sink.ts'
import { IdentifiedWriter } from '#postgres/applied/identified-writer.ts'
import { GuardedTableWriter } from '#postgres/guarded-table-writer.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import type { SimulatedPostgresPool } from '../simulated/servers/postgres-pool.ts'

/** A thousand years: no message is too old for its key's deletion to be remembered. */
const horizonMs = 1000 * 365 * 86_400_000

/** The real writer of a pipeline's table, as the app chooses it. */
export function writerOf(
  { name, sink }: Pipeline,
  pool: SimulatedPostgresPool,
  identityHorizonMs: number,
): Sink {
  if (countsOnce(sink))
    return new IdentifiedWriter(pool as never, sink, { pipeline: name, horizonMs: identityHorizonMs })
  return sink.deletes
    ? new GuardedTableWriter(pool as never, sink, { pipeline: name, horizonMs })
    : new TableWriter(pool as never, sink)
}
