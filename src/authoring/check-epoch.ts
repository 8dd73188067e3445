import { messageOf } from '#core/error-message.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { MemberFault } from '#pipeline/mapping/mapping-error.ts'
import { serverFacts } from '#postgres/doctor/server-facts.ts'
import { readEpoch } from '#postgres/epoch.ts'
import type { Read } from '#postgres/read-row.ts'
import type { Findings } from './check-subscription.ts'

export interface EpochTable {
  readonly pipeline: string
  readonly sink: PostgresTable
  /** What is known to be wrong. */
  readonly faults: readonly MemberFault[]
}

/** Whether the cache can be used for the table. */
export async function checkEpoch(read: Read, { pipeline, sink, faults }: EpochTable): Promise<Findings> {
  try {
    const epoch = await read((connection) => readEpoch(connection, sink, pipeline))
    return { faults: [], warnings: epoch === null && !faults.some(isAboutTable) ? [noEpoch] : [] }
  } catch (error) {
    const { code } = error as { readonly code?: unknown }
    if (typeof code !== 'string' || code === lockNotAvailable) throw error
    const { role, isStandby, refusedFunctions } = await read(serverFacts)
    if (isStandby) return fault('the server is a standby, on which nothing can be written', toPrimary)
    if (refusedFunctions.length > 0) {
      const grants = refusedFunctions.map((name) => `GRANT EXECUTE ON FUNCTION ${name} TO ${role};`)
      const what = `the cache cannot be used: ${role} may not call ${refusedFunctions.join(', ')}`
      return fault(what, `as a superuser, in this database: ${grants.join(' ')}`)
    }
    // Tables or rights that are missing.
    if (faults.length > 0) return { faults: [], warnings: [] }
    return fault(`the cache cannot be used: ${messageOf(error)} [${code}]`, withoutRedis)
  }
}

const lockNotAvailable = '55P03'
const toPrimary = 'set INGESTER_POSTGRES_HOST to the primary'
const withoutRedis = 'do without Redis: set INGESTER_REDIS_ENABLED=false'

const isAboutTable = ({ path }: MemberFault) => path[0] === 'table'

const noEpoch: MemberFault = {
  path: ['table'],
  what: 'the cache stays off for this table, which has no files of its own',
  fix: 'a partitioned table needs a partition, all of them regular tables that survive a crash',
}

function fault(what: string, fix: string): Findings {
  return { faults: [{ path: [], what, fix }], warnings: [] }
}
