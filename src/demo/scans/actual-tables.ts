import type { Config } from '#config/config.ts'
import type { PostgresTable, StoredRow } from '#core/pipeline.ts'
import { countRows, readNewest, readTable } from '#postgres/read-table.ts'
import type { Scan } from './scan.ts'
import type { Evidence } from './verdict.ts'

/** What the demo's tables hold. */
export async function readActualTables(
  { postgres }: Config,
  table: PostgresTable,
): Promise<Evidence['found']> {
  const rows = (await readTable(postgres, table)).map(scanOf)
  return { rows, deadLetters: await countRows(postgres, 'dead_letters') }
}

export async function readNewestScans(
  { postgres }: Config,
  table: PostgresTable,
  limit: number,
): Promise<Scan[]> {
  return (await readNewest(postgres, table, limit)).map(scanOf)
}

function scanOf([ip, port, service, response, lastSeen]: StoredRow): Scan {
  return {
    ip: String(ip),
    port: Number(port),
    service: String(service),
    response: String(response),
    timestamp: Number(lastSeen),
  }
}
