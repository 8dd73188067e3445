import type { Pipeline } from '#core/pipeline.ts'
import { scans } from '#pipeline/scans.ts'
import type { Meaning } from '../oracle/facts.ts'
import { wordPipeline } from '../support/word-pipeline.ts'

/** A message of a plan: its records. */
export type PlannedMessage = readonly PlannedRecord[]

/** Keys are numbered: what they are is the workload's to say. */
export interface PlannedRecord {
  readonly key: number
  readonly version: string
  readonly content: string
  /** Why no row can be made of it. */
  readonly invalid?: string
}

/** A pipeline, and messages for it. */
export interface Workload {
  readonly pipeline: Pipeline
  readonly keys: number
  /** Reasons for which it rejects messages, other than the database's. */
  readonly invalid: readonly string[]
  textOf(message: PlannedMessage): string
  meaningOf(record: PlannedRecord): Meaning
  /** Whether a message may have another number of records than one. */
  readonly several: boolean
  /** A key's row, as {@link keyOf} names it. */
  rowKeyOf(key: number): string
}

/** The row's identity: the values of its key columns, as text. */
export function keyOf(values: readonly unknown[]): string {
  return JSON.stringify(values.map(String))
}

/** Contents that the database refuses: by a constraint, and with an unknown error. */
export const refused: Readonly<Record<string, string>> = { bad: '23514', odd: 'XX000' }

function meaningOf(key: readonly unknown[], { version, content, invalid }: PlannedRecord): Meaning {
  if (invalid !== undefined) return { invalid }
  const row = { key: keyOf(key), version: BigInt(version), content }
  return content in refused ? { row, refused: true } : { row }
}

/** Few keys, some of which look like something else; further ones are neighbours for what waits for some. */
const words = ['a', 'b', 'c:', '{d}', 'é', ':w:a', '"f\\', 'NULL']
const wordOf = (key: number) => words[key] ?? `neighbour${key}`

const wordWorkload: Workload = {
  pipeline: wordPipeline,
  keys: words.length,
  invalid: ['malformed'],
  several: true,
  textOf: (records) => {
    const texts = records.map(({ key, version, content, invalid }) =>
      invalid === undefined ? `${wordOf(key)} ${version} ${content}` : 'nonsense',
    )
    return texts.length === 1 ? texts.join('') : `${texts.join(';')};`
  },
  meaningOf: (record) => meaningOf([wordOf(record.key)], record),
  rowKeyOf: (key) => keyOf([wordOf(key)]),
}

interface ScanKey {
  readonly ip: string
  readonly port: number
  readonly service: string
  /** Another spelling of the address. */
  readonly spelled?: string
}

/** Keys that are the same where they are joined without care, and one key in two spellings. */
const scanKeys: readonly ScanKey[] = [
  { ip: '1.1.1.1', port: 80, service: 'http' },
  { ip: '1.1.1.1', port: 8, service: '0http' },
  { ip: '1.1.1.1', port: 8, service: '0 http' },
  { ip: '1.1.1.18', port: 0, service: 'http' },
  { ip: '1.1.1.1', port: 80, service: ' http' },
  { ip: '::1', port: 1, service: '1' },
  { ip: '::1', port: 1, service: '1', spelled: '0:0:0:0:0:0:0:1' },
  { ip: '::1', port: 11, service: '1 1' },
]
const scanKeyOf = (key: number): ScanKey =>
  scanKeys[key] ?? { ip: '2.2.2.2', port: key, service: 'neighbour' }

const wrong: Readonly<Record<string, object>> = {
  'bad-ip': { ip: '010.1.1.1' },
  'bad-port': { port: -1 },
  'bad-timestamp': { timestamp: 1_767_225_600_000 },
  'unknown-version': { data_version: 3 },
}

const scanWorkload: Workload = {
  pipeline: scans,
  keys: scanKeys.length,
  invalid: Object.keys(wrong),
  several: false,
  textOf: ([record]) => {
    if (!record) throw new Error('a scan is one record')
    const { key, version, content, invalid } = record
    const { ip, port, service, spelled = ip } = scanKeyOf(key)
    return JSON.stringify({
      ip: spelled,
      port,
      service,
      timestamp: Number(version),
      data_version: 2,
      data: { response_str: content },
      ...(invalid === undefined ? {} : wrong[invalid]),
    })
  },
  meaningOf: (record) => {
    const { ip, port, service } = scanKeyOf(record.key)
    return meaningOf([ip, port, service], record)
  },
  rowKeyOf: (key) => {
    const { ip, port, service } = scanKeyOf(key)
    return keyOf([ip, port, service])
  },
}

export const workloads = { words: wordWorkload, scans: scanWorkload }
