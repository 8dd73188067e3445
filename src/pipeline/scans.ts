import { isUtf8 } from 'node:buffer'
import type { Delivery } from '#core/delivery.ts'
import { readDataOf } from '#core/delivery.ts'
import type { DecodeLimits, Decoded } from '#core/pipeline.ts'
import { bytesOfBase64, isBase64 } from './base64.ts'
import { makePipeline } from './make-pipeline.ts'
import type { JsonObject } from './json-message.ts'
import {
  asObject,
  checkText,
  fieldOf,
  numberOf,
  parseJsonMessage,
  textOf,
  unstorableAttribute,
} from './json-message.ts'
import { canonicalIp } from './ip.ts'
import { FieldReader, maxFamiliarBytes } from './field-reader.ts'
import { preview } from '#core/preview.ts'
import { reasons, reject, rejecting } from './rejection.ts'
import { ipOf, isPort, maxServiceBytes, portOf, serviceOf } from './scan-key.ts'
import { scanInspector } from './scan-inspector.ts'

/** The newest result of one service, as a message has it. */
export interface Scan {
  /** In its canonical spelling. */
  readonly ip: string
  readonly port: number
  readonly service: string
  readonly response: string
  /** Unix seconds. */
  readonly timestamp: number
}

/**
 * Internet scan results: the newest one of each (ip, port, service).
 *
 * A message is `{"ip", "port", "service", "timestamp", "data_version", "data"}`; version 1 carries the response as
 * base64 of UTF-8 in `data.response_bytes_utf8`, version 2 as text in `data.response_str`. `timestamp` is in Unix
 * seconds. Unknown fields are ignored.
 */
export const scans = makePipeline({
  name: 'scans',
  format: 2,
  topic: 'scan-topic',
  subscription: 'scan-sub',
  decode: (delivery, limits): Decoded<Scan> =>
    familiarScan(delivery, limits) ?? rejecting(() => decodeScan(delivery, limits)),
  rejections: reasons,
  table: {
    name: 'scan_results',
    columns: [
      { name: 'ip', type: 'inet', of: ({ ip }) => ip },
      { name: 'port', type: 'integer', of: ({ port }) => port },
      { name: 'service', type: 'text', of: ({ service }) => service },
      { name: 'response', type: 'text', of: ({ response }) => response },
      { name: 'last_seen', type: 'timestamptz', from: 'unix-seconds', of: ({ timestamp }) => timestamp },
    ],
    key: ['ip', 'port', 'service'],
    version: ['last_seen', 'response'],
  },
  inspector: scanInspector,
})

const fields = new FieldReader([
  'ip',
  'port',
  'service',
  'timestamp',
  'data_version',
  'data.response_str',
  'data.response_bytes_utf8',
])
const readFields = (bytes: Buffer, from: number, to: number) => fields.read(bytes, from, to)

/**
 * The row of a message that looks as others did and is right, as most are: the same that {@link decodeScan} makes of it,
 * sooner. Undefined for all others.
 */
function familiarScan(delivery: Delivery, limits: DecodeLimits): Scan | undefined {
  if (unstorableAttribute(delivery.attributes) !== undefined) return undefined
  const values = readDataOf(delivery, limits.maxMessageBytes, readFields)
  if (!values) return undefined
  const [ip, port, service, timestamp, version, text, base64] = values
  const address = typeof ip === 'string' ? canonicalIp(ip) : undefined
  if (address === undefined || !isPort(port) || !isTimestamp(timestamp)) return undefined
  // What the reader gives is one byte a character.
  if (typeof service !== 'string' || service === '' || service.length > maxServiceBytes) return undefined
  if (timestamp * 1000 > delivery.publishTimeMs + limits.maxClockSkewMs) return undefined
  const response = version === 2 ? text : version === 1 ? textOfBase64(base64) : undefined
  if (typeof response !== 'string' || response.includes('\0')) return undefined
  return { ip: address, port, service, response, timestamp }
}

function decodeScan(delivery: Delivery, limits: DecodeLimits): Scan {
  const message = parseJsonMessage(delivery, limits.maxMessageBytes)
  const ip = ipOf(message)
  const port = portOf(message)
  const service = serviceOf(message)
  const timestamp = timestampOf(message, delivery.publishTimeMs + limits.maxClockSkewMs)
  const response = responseOf(message)
  return { ip, port, service, response, timestamp }
}

function isTimestamp(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/**
 * Compared with the publish time and not with the present, so that replicas and replays agree. One timestamp in
 * milliseconds would otherwise freeze its key for fifty thousand years.
 */
function timestampOf(message: JsonObject, latestMs: number): number {
  const seconds = numberOf(message, 'timestamp')
  if (!isTimestamp(seconds)) {
    reject('bad-timestamp', `"timestamp" must be in whole Unix seconds, 0 or later, not ${preview(seconds)}`)
  }
  if (seconds * 1000 > latestMs) {
    const latest = Math.floor(latestMs / 1000)
    const hint = seconds / 1000 <= latest ? '; is it in milliseconds?' : ''
    reject(
      'bad-timestamp',
      `"timestamp" ${seconds} is later than ${latest}, the time of publishing plus the maximum clock skew${hint}`,
    )
  }
  return seconds
}

function responseOf(message: JsonObject): string {
  const version = numberOf(message, 'data_version')
  if (version !== 1 && version !== 2)
    reject('unknown-version', `"data_version" is ${preview(version)}; known are 1 and 2`)
  const data = asObject(fieldOf(message, 'data'), '"data"')
  const [expected, other] =
    version === 1
      ? (['response_bytes_utf8', 'response_str'] as const)
      : (['response_str', 'response_bytes_utf8'] as const)
  if (!Object.hasOwn(data, expected) && Object.hasOwn(data, other)) {
    reject(
      'payload-mismatch',
      `"data_version" is ${version}, but "data" has "${other}" in place of "${expected}"`,
    )
  }
  const text = textOf(data, expected)
  return version === 1 ? checkText(fromBase64(text, expected), expected) : text
}

function fromBase64(text: string, name: string): string {
  const bytes = bytesOfBase64(text)
  if (!bytes) {
    return reject(
      'bad-base64',
      `"${name}" is not base64 with padding in the standard alphabet: ${preview(text)}`,
    )
  }
  if (!isUtf8(bytes)) reject('not-utf8', `the bytes in "${name}" are not valid UTF-8`)
  return bytes.toString('utf8')
}

/** Takes the bytes of any familiar message: a Buffer for each would take 100 bytes and a quarter of the time. */
const scratch = Buffer.allocUnsafeSlow(maxFamiliarBytes)

/** Undefined where it is none, or its bytes may not be UTF-8: what is not is decoded as U+FFFD. */
function textOfBase64(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  const length = scratch.write(text, 'base64')
  if (!isBase64(text, length)) return undefined
  const decoded = scratch.toString('utf8', 0, length)
  return decoded.includes('\ufffd') ? undefined : decoded
}
