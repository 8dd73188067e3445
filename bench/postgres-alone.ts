// What PostgreSQL can take: the rows of a workload through the engine's writer, as many at a time and in as many lanes,
// and nothing else. Everything is made before it begins.
import { noLogger } from '#core/logger.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Scan } from '#pipeline/scans.ts'
import { scans } from '#pipeline/scans.ts'
import type { PostgresOptions } from '#postgres/pool.ts'
import { createPool } from '#postgres/pool.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import type { Workload } from './workload.ts'
import { scanOf, versionOf } from './workload.ts'

export interface AloneOptions {
  readonly postgres: PostgresOptions
  readonly workload: Workload
  readonly lanes: number
  readonly batchSize: number
}

export type FromAlone =
  | { readonly kind: 'loaded' }
  /** Something, since the last report. */
  | { readonly kind: 'wrote' }
  | { readonly kind: 'reached'; readonly mark: number; readonly unixMs: number }

interface Batch {
  readonly records: KeyedRecord<Scan>[]
  /** Messages, of which some have become one record. */
  readonly messages: number
}

const { postgres, workload, lanes, batchSize } = JSON.parse(process.argv[2] ?? '') as AloneOptions
const report = (message: FromAlone) => process.send?.(message)
process.once('disconnect', () => process.exit())

/** Each lane's batches in their order: a key is of one lane, and in a batch once. */
const queues = batchesOf()
const pool = createPool({ ...postgres, poolSize: lanes }, noLogger)
const writer = new TableWriter(pool, scans.sink)
const marks = [workload.warmUp, workload.messages]
let done = 0
const reportEveryMs = 500

report({ kind: 'loaded' })
void begin()

async function begin(): Promise<void> {
  let written = 0
  const reporting = setInterval(() => {
    if (done > written) report({ kind: 'wrote' })
    written = done
  }, reportEveryMs)
  reached()
  await Promise.all(queues.map(writeAll))
  clearInterval(reporting)
  await pool.end()
}

async function writeAll(batches: readonly Batch[]): Promise<void> {
  for (const { records, messages } of batches) {
    await writer.write(records)
    done += messages
    reached()
  }
}

function reached(): void {
  while (marks.length > 0 && done >= (marks[0] as number)) {
    report({
      kind: 'reached',
      mark: marks.shift() as number,
      unixMs: performance.timeOrigin + performance.now(),
    })
  }
}

function batchesOf(): Batch[][] {
  const all: Batch[][] = Array.from({ length: lanes }, () => [])
  const open = Array.from({ length: lanes }, () => ({
    records: new Map<number, KeyedRecord<Scan>>(),
    messages: 0,
  }))
  const seal = (lane: number) => {
    const { records, messages } = open[lane] as (typeof open)[number]
    if (messages > 0) all[lane]?.push({ records: [...records.values()], messages })
    open[lane] = { records: new Map(), messages: 0 }
  }
  for (let i = 0; i < workload.messages; i += 1) {
    const { key, version } = versionOf(workload, i)
    const lane = open[key % lanes] as (typeof open)[number]
    const known = lane.records.get(key)
    if (!known || known.version < version) lane.records.set(key, recordOf(key, version))
    lane.messages += 1
    if (lane.records.size === batchSize) seal(key % lanes)
  }
  for (let lane = 0; lane < lanes; lane += 1) seal(lane)
  return all
}

function recordOf(key: number, version: number): KeyedRecord<Scan> {
  const { ip, port, service, response, timestamp } = scanOf({ key, version }, workload.responseBytes)
  return {
    key: '',
    version: BigInt(version),
    content: response,
    row: { ip, port, service, response, timestamp },
    bytes: 0,
  }
}
