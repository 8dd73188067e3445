import { isUtf8 } from 'node:buffer'
import type { Delivery } from '#core/delivery.ts'
import { preview } from '#core/preview.ts'
import { similarName } from '#core/similar.ts'
import { faultText } from '#pipeline/json/scan-fault.ts'
import { JsonScanner } from '#pipeline/json/scanner.ts'
import { valueKinds } from '#pipeline/json/syntax.ts'
import { sourceOf } from '#pipeline/json/values.ts'
import type { Line } from './message-lines.ts'

/** A line that is not a message, and why. */
export interface BadLine {
  readonly why: string
}

/** What a message has that its line does not say. */
export interface Defaults {
  readonly subscription: string
  readonly publishTimeMs: number
}

/** The line is the data, whatever it is: what the pipeline says of it is what is asked. */
export function messageOfData({ number, bytes }: Line, defaults: Defaults): Delivery {
  return deliveryOf(bytes, String(number), defaults)
}

/** The line says what else the message has: {@link envelopeMembers}. */
export function messageOfEnvelope({ number, bytes }: Line, defaults: Defaults): Delivery | BadLine {
  const { why, value } = parsed(bytes)
  if (why !== undefined) return { why }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { why: `is not an object with data or json: ${preview(value)}` }
  const given = value as Readonly<Record<string, unknown>>
  const unknown = Object.keys(given).find((name) => !envelopeMembers.includes(name))
  if (unknown !== undefined) return { why: unknownMember(unknown) }
  const fault = faultOf(given)
  if (fault !== undefined) return { why: fault }
  const { data, attributes = {}, messageId, publishTime, orderingKey } = given as Envelope
  const content = data === undefined ? jsonOf(bytes) : Buffer.from(data, 'base64')
  if ('why' in content) return content
  return {
    ...deliveryOf(content, messageId ?? String(number), defaults),
    attributes,
    orderingKey: orderingKey ?? '',
    ...(publishTime === undefined ? {} : { publishTimeMs: Date.parse(publishTime) }),
  }
}

interface Envelope {
  readonly data?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly messageId?: string
  readonly publishTime?: string
  readonly orderingKey?: string
}

/** `data` in base64 or, instead, `json`. */
const envelopeMembers = ['data', 'json', 'attributes', 'messageId', 'publishTime', 'orderingKey']

function parsed(bytes: Buffer): { readonly why?: string; readonly value?: unknown } {
  if (!isUtf8(bytes)) return { why: 'is not UTF-8' }
  try {
    return { value: JSON.parse(bytes.toString('utf8')) }
  } catch {
    return { why: `is not JSON: ${preview(bytes.toString('utf8'))}` }
  }
}

function unknownMember(name: string): string {
  const meant = similarName(name, envelopeMembers)
  const fix = meant === undefined ? `it may have ${envelopeMembers.join(', ')}` : `did you mean ${meant}?`
  return `has an unknown member ${preview(name)}; ${fix}`
}

function faultOf(given: Readonly<Record<string, unknown>>): string | undefined {
  if (Object.hasOwn(given, 'data') && Object.hasOwn(given, 'json'))
    return 'has both data and json: leave one of them out'
  const { data, attributes, publishTime } = given
  const notText = ['data', 'messageId', 'publishTime', 'orderingKey'].find(
    (name) => given[name] !== undefined && typeof given[name] !== 'string',
  )
  if (notText !== undefined) return `has a ${notText} that is not a string: ${preview(given[notText])}`
  if (typeof data === 'string' && !isBase64(data)) return `has data that is not base64: ${preview(data)}`
  if (attributes !== undefined && !isTexts(attributes))
    return `has attributes that are not an object of strings: ${preview(attributes)}`
  if (typeof publishTime === 'string' && !isTime(publishTime))
    return `has a publishTime that is not a time as RFC 3339 has it: ${preview(publishTime)}`
  return undefined
}

const isBase64 = (text: string) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0

const isTime = (text: string) =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text) &&
  !Number.isNaN(Date.parse(text))

function isTexts(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => typeof one === 'string')
  )
}

const json = new JsonScanner([['json']])

/** As it stands in the line: its numbers have the same digits. Empty where there is none. */
function jsonOf(line: Buffer): Buffer | BadLine {
  const fault = json.scan(line, 0, line.length)
  if (fault) return { why: `cannot be read: ${faultText(fault, line, 0, line.length)}` }
  const [kind = valueKinds.missing, start = 0, end = 0] = [json.kinds[0], json.starts[0], json.ends[0]]
  return Buffer.from(kind === valueKinds.missing ? '' : sourceOf(line, kind, start, end))
}

function deliveryOf(data: Buffer, messageId: string, { subscription, publishTimeMs }: Defaults): Delivery {
  return {
    messageId,
    subscription,
    publishTimeMs,
    orderingKey: '',
    attributes: {},
    data,
    deliveryAttempt: 0,
    bytes: data.length,
    receivedAtMs: 0,
  }
}
