import assert from 'node:assert/strict'
import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { isIgnored } from '#core/ignored.ts'
import type { DecodeLimits, Scalar } from '#core/pipeline.ts'
import type { Rejection } from '#core/rejection.ts'
import { isRejection } from '#core/rejection.ts'
import { isSeveral } from '#ingest/several.ts'
import type { Scan } from '#pipeline/scans.ts'
import { scans } from '#pipeline/scans.ts'
import { newestPipeline } from './newest-pipeline.ts'

/** A scan as a message of version 2, in order. */
export const good = {
  ip: '1.1.1.7',
  port: 443,
  service: 'HTTP',
  timestamp: 1_700_000_000,
  data_version: 2,
  data: { response_str: 'hello world' },
}

/** The good message with other fields; undefined leaves one out. */
export const json = (change: object) => JSON.stringify({ ...good, ...change })
export const v1 = (response_bytes_utf8: unknown) => json({ data_version: 1, data: { response_bytes_utf8 } })
export const v2 = (response_str: unknown) => json({ data: { response_str } })
export const base64 = (bytes: string | readonly number[]) => Buffer.from(bytes as string).toString('base64')
/** The good message behind other fields, which may be spelled in any way. */
export const behind = (fields: string) => `{${fields},${JSON.stringify(good).slice(1)}`
export const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

export const limits: DecodeLimits = { maxMessageBytes: 10 * 2 ** 20, maxClockSkewMs: 86_400_000 }
const publishTimeMs = 1_700_000_100_500
/** The last second that is not later than publish time and skew. */
export const latest = 1_700_086_500

export function delivery(data: string | Uint8Array, more: Partial<Delivery> = {}): Delivery {
  return {
    messageId: '1',
    publishTimeMs,
    orderingKey: '',
    attributes: {},
    data: Buffer.from(data),
    deliveryAttempt: 1,
    bytes: data.length,
    receivedAtMs: 0,
    ...more,
  }
}

export function decode(data: string | Uint8Array, more?: Partial<Delivery>): KeyedRecord<Scan> | Rejection {
  const decoded = scans.decode(delivery(data, more), limits)
  if (isSeveral(decoded) || isIgnored(decoded)) assert.fail('a scan is one record')
  return isRejection(decoded) ? decoded : newestPipeline(scans).merge.recordOf(decoded)
}

export function accepted(data: string | Uint8Array, more?: Partial<Delivery>): KeyedRecord<Scan> {
  const decoded = decode(data, more)
  if (isRejection(decoded)) assert.fail(`${decoded.reason}: ${decoded.detail}`)
  return decoded
}

/** What goes into the table, in its columns' order. */
export function valuesOf({ row }: KeyedRecord<Scan>): Scalar[] {
  return scans.sink.columns.map((column) => column.of(row))
}

export function rejected(data: string | Uint8Array, more?: Partial<Delivery>): Rejection {
  const decoded = decode(data, more)
  if (!isRejection(decoded)) assert.fail(`accepted as ${decoded.key}`)
  return decoded
}
