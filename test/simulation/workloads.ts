import { scans } from '#pipeline/scans.ts'
import type { Meaning } from '../oracle/facts.ts'
import { refused } from '../simulated/servers/postgres-errors.ts'
import { keyOf } from '../simulated/servers/postgres-rows.ts'
import { wordPipeline } from '../support/word-pipeline.ts'
import { appendWorkload, sumWorkload } from './increment-workload.ts'
import { itemWorkload } from './item-workload.ts'
import type { PlannedRecord, Workload } from './workload.ts'

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

export const workloads = {
  words: wordWorkload,
  scans: scanWorkload,
  items: itemWorkload,
  sums: sumWorkload,
  appends: appendWorkload,
}
