// What is published: message number i of a workload is the same in every process and in every run, so that the broker
// can generate it, and the check of the table can compute what must be there, without exchanging data.
import type { Scan } from '#demo/scans/scan.ts'
import { encodeScan } from '#demo/scans/scan.ts'

export type Kind = 'new keys' | 'updates' | 'stale' | 'duplicates' | 'hot keys' | 'mixture'

export interface Workload {
  readonly kind: Kind
  /** All messages, the warm-up's first. */
  readonly messages: number
  readonly warmUp: number
  /** Rows that the table has before the first message. */
  readonly tableRows: number
  readonly responseBytes: number
}

/** A record by number: which key, and which of its versions. The same key and version always have the same content. */
export interface Version {
  readonly key: number
  readonly version: number
}

/** Rows that are there before. */
export const firstVersion = 0
const baseSeconds = 1_600_000_000
const hotKeys = 100
/** What is repeated, or comes late, is one of this many latest ones. */
const memory = 10_000
const watermarkVersion = 1000

/** Message number `i`, from 0. */
export function versionOf(workload: Workload, i: number): Version {
  switch (workload.kind) {
    case 'new keys':
      return { key: i, version: 1 }
    case 'updates':
      return { key: mix(i) % workload.tableRows, version: i + 1 }
    case 'stale':
      // The warm-up writes the newest version of each key; all that follow are older.
      if (i < workload.warmUp) return { key: i, version: watermarkVersion }
      return {
        key: mix(i) % workload.warmUp,
        version: 1 + (mix(~i) % (watermarkVersion - 1)),
      }
    case 'duplicates':
      return { key: i % 2 === 0 ? i / 2 : (i - 1) / 2 - (mix(i) % Math.min(memory, (i + 1) / 2)), version: 1 }
    case 'hot keys':
      if (mix(i) % 10 < 9) return { key: mix(~i) % hotKeys, version: i + 1 }
      return { key: hotKeys + (mix(~i) % (workload.tableRows - hotKeys)), version: i + 1 }
    case 'mixture':
      return mixed(i)
  }
}

/** 40% fresh, 30% exact duplicates, 30% late: of a known key, half of these older and half newer. */
function mixed(i: number): Version {
  const draw = mix(i) % 10
  const known = draw < 6 ? knownBefore(i) : undefined
  if (known === undefined) return { key: i, version: watermarkVersion }
  if (draw < 3) return { key: known, version: watermarkVersion }
  const shift = 1 + (mix(i + 1) % 900)
  return { key: known, version: watermarkVersion + (mix(~i) % 2 === 0 ? -shift : shift) }
}

/** A fresh one among the last, if there is one. */
function knownBefore(i: number): number | undefined {
  for (let at = i - 1 - (mix(~i) % Math.min(memory, i)); at >= 0; at -= 1) if (mix(at) % 10 >= 6) return at
  return undefined
}

/** Greater than every key of the workload. */
export function keysOf({ messages, tableRows }: Workload): number {
  return Math.max(messages, tableRows)
}

const services = ['HTTP', 'SSH', 'DNS'] as const
const ports = [443, 22, 53] as const

/** The record as it stands in the table. */
export function scanOf({ key, version }: Version, responseBytes: number): Scan {
  const address = mix(key)
  return {
    ip: `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`,
    port: ports[address % 3] as number,
    service: services[address % 3] as string,
    timestamp: baseSeconds + version,
    response: responseOf(key, version, responseBytes),
  }
}

/** The data of a message. */
export function dataOf(workload: Workload, i: number): Buffer {
  const version = versionOf(workload, i)
  return encodeScan(scanOf(version, workload.responseBytes), version.version % 2 === 0 ? 2 : 1)
}

/** Number of the key in a response that `scanOf` has made. */
export function keyFromResponse(response: string): number {
  return Number(response.slice(1, response.indexOf(' ')))
}

/** Begins with key and version; the rest is text as varied as a page of words, since it is compressed on its way to disk. */
function responseOf(key: number, version: number, bytes: number): string {
  const head = `k${key} v${version} `
  const from = mix(key + version) % poolBytes
  return head + pool.slice(from, from + Math.max(0, bytes - head.length))
}

/**
 * A number from 0 to 2^32 − 1 that looks random and is another one for each `x`, so that keys come from all over the
 * index: it can be undone step by step.
 */
export function mix(x: number): number {
  let mixed = x >>> 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

const poolBytes = 65_536
const longest = 65_536
const pool = makePool()

function makePool(): string {
  const words: string[] = []
  for (let i = 0, length = 0; length < poolBytes + longest; i += 1) {
    const word = mix(mix(i) % 4000).toString(36)
    words.push(word)
    length += word.length + 1
  }
  return words.join(' ')
}
