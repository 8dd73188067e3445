import type { Config } from '#config/config.ts'
import type { Row } from '#core/pipeline.ts'
import type { Scan } from '#demo/scan.ts'
import { readNewest, readTable } from '#postgres/read-table.ts'
import { pipelineNamed } from './pipelines.ts'

/** What the demo's table holds. */
export async function readScans({ postgres }: Config): Promise<Scan[]> {
  return (await readTable(postgres, pipelineNamed('scans').sink)).map(scanOf)
}

export async function readNewestScans({ postgres }: Config, limit: number): Promise<Scan[]> {
  return (await readNewest(postgres, pipelineNamed('scans').sink, limit)).map(scanOf)
}

function scanOf([ip, port, service, response, lastSeen]: Row): Scan {
  return {
    ip: String(ip),
    port: Number(port),
    service: String(service),
    response: String(response),
    timestamp: Number(lastSeen),
  }
}
