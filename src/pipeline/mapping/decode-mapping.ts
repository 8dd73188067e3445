import { badValue, tooLarge } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import { readDataOf } from '#core/delivery.ts'
import { Ignored } from '#core/ignored.ts'
import type { DecodeLimits, Decoded, Scalar } from '#core/pipeline.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import { preview } from '#core/preview.ts'
import { unstorableAttribute } from '../json-message.ts'
import { elementsOf } from '../json/values.ts'
import { faultText } from '../json/scan-fault.ts'
import type { JsonScanner } from '../json/scanner.ts'
import { valueKinds } from '../json/syntax.ts'
import { columnReader } from './column-reader.ts'
import type { ReadColumn } from './column-reader.ts'
import { conditionTest } from './condition.ts'
import { badEncoding, contentEncoding, decompressed } from './content.ts'
import type { FieldPath, Mapping } from './mapping.ts'
import { firstMetadata } from './metadata.ts'
import type { Message, Metadata } from './message.ts'
import { Places } from './message.ts'
import { MappedRow } from './mapped-row.ts'
import { pathText } from './path.ts'
import type { PlannedColumn } from './planned-column.ts'

/** Why a message of a mapping cannot be stored. */
export const mappingReasons = [
  'no-data',
  tooLarge,
  'bad-attribute',
  badEncoding,
  'not-utf8',
  'too-deep',
  'not-json',
  'not-an-object',
  'duplicate-key',
  'missing-field',
  'wrong-type',
  badValue,
  'too-many-records',
] as const

/** Of one message: each takes some hundred bytes, whatever it took in the message. */
const maxRecords = 10_000

/** Those that are about a record, and not about the message that it is in. */
export const recordReasons: ReadonlySet<string> = new Set(['missing-field', 'wrong-type', badValue])

type DecodedRow = MappedRow | Rejection | Ignored

/** The decoder of a mapping, compiled once: for each message run closures over typed arrays, and no name is looked up. */
export function mappingDecoder(
  mapping: Mapping,
  columns: readonly PlannedColumn[],
): (delivery: Delivery, limits: DecodeLimits) => Decoded<MappedRow> {
  const places = new Places(mapping.split !== undefined)
  const metadataOf = mapping.mode === 'newest' ? ownMetadata : firstMetadata
  const findSplit = mapping.split && places.add({ ...mapping.split, from: 'message' })
  const makeRecord = recordReader(mapping, columns, places)
  const { message: ofMessage, element: ofElement } = places.scanners
  const readRecord = makeRecord()
  const split = mapping.split && findSplit ? { path: mapping.split, ...findSplit() } : undefined
  const message: Message = { bytes: noBytes, from: 0, to: 0, delivery: noDelivery }

  const records = (path: FieldPath, scanner: JsonScanner, at: number): DecodedRow[] | Rejection => {
    const kind = scanner.kinds[at]
    if (kind !== valueKinds.array) return notAnArray(path, kind)
    const [from, to] = [scanner.starts[at] as number, scanner.ends[at] as number]
    if (!hasFewElements(message.bytes, from, to)) return tooManyRecords(path)
    const rows: DecodedRow[] = []
    elementsOf(message.bytes, from, to, (elementKind, start, end) => {
      const quotes = elementKind === valueKinds.plainText || elementKind === valueKinds.text ? 1 : 0
      const fault = ofElement.scan(message.bytes, start - quotes, end + quotes)
      rows.push(
        fault ? new Rejection(fault.kind, faultText(fault, message.bytes, start, end)) : readRecord(message),
      )
    })
    return rows
  }

  const read = (bytes: Buffer, from: number, to: number): Decoded<MappedRow> => {
    message.bytes = bytes
    message.from = from
    message.to = to
    if (places.areFields) {
      if (from === to) return new Rejection('no-data', 'the message has no data')
      const fault = ofMessage.scan(bytes, from, to)
      if (fault) return new Rejection(fault.kind, faultText(fault, bytes, from, to))
      if (ofMessage.kinds[0] !== valueKinds.object)
        return new Rejection(
          'not-an-object',
          `the message is not a JSON object: ${preview(bytes.toString('utf8', from, Math.min(to, from + 64)))}`,
        )
    }
    const decoded = split ? records(split.path, split.scanner, split.at) : readRecord(message)
    // It may be large, and the next one may be long in coming.
    message.bytes = noBytes
    return decoded
  }

  return (delivery, { maxMessageBytes }) => {
    const { attributes } = delivery
    const unstorable = unstorableAttribute(attributes)
    if (unstorable !== undefined)
      return new Rejection(
        'bad-attribute',
        `the attribute ${preview(unstorable)} contains a NUL character or a lone surrogate`,
      )
    message.delivery = metadataOf(delivery)
    const encoding = attributes[contentEncoding]
    if (encoding === undefined || encoding === 'identity')
      return readDataOf(delivery, maxMessageBytes, read) ?? overLimit(delivery.data.length, maxMessageBytes)
    if (delivery.data.length > maxMessageBytes) return overLimit(delivery.data.length, maxMessageBytes)
    const content = decompressed(delivery.data, encoding, maxMessageBytes)
    return isRejection(content) ? content : read(content, 0, content.length)
  }
}

function overLimit(bytes: number, limit: number): Rejection {
  return new Rejection(tooLarge, `the message has ${bytes} bytes; the limit is ${limit}`)
}

function hasFewElements(bytes: Buffer, from: number, to: number): boolean {
  // An element and its comma take two bytes at least.
  if (to - from <= 2 * maxRecords) return true
  let count = 0
  elementsOf(bytes, from, to, () => (count += 1))
  return count <= maxRecords
}

function tooManyRecords(path: FieldPath): Rejection {
  const name = `"${pathText({ ...path, from: 'element' })}"`
  return new Rejection('too-many-records', `${name} has more than ${maxRecords} elements, which is the limit`)
}

function notAnArray(path: FieldPath, kind: number | undefined): Rejection {
  // It is named from the message, where it always begins.
  const name = `"${pathText({ ...path, from: 'element' })}"`
  return kind === valueKinds.missing
    ? new Rejection('missing-field', `${name}, the array of records, is missing`)
    : new Rejection('wrong-type', `${name}, the array of records, is not an array`)
}

const ownMetadata = (delivery: Delivery): Metadata => delivery

const noBytes = Buffer.alloc(0)

/** Before the first message. */
const noDelivery: Metadata = { messageId: '', publishTimeMs: 0, orderingKey: '', attributes: {} }

/** Reads the record that was scanned last: whether it is wanted, whether it is gone, and its values. */
function recordReader(
  mapping: Mapping,
  columns: readonly PlannedColumn[],
  places: Places,
): () => (message: Message) => DecodedRow {
  const ruleMakers = mapping.where.map(({ name, condition }) => ({
    ignored: new Ignored(name),
    make: conditionTest(condition, places),
  }))
  const makeIsGone = mapping.delete && conditionTest(mapping.delete.when, places)
  const columnMakers = columns.map((column) => columnReader(column, places))
  return () => {
    const rules = ruleMakers.map(({ ignored, make }) => ({ ignored, holds: make() }))
    const isGone = makeIsGone?.()
    const readers = columnMakers.map((make) => make())
    const readersOfGone = readers.map((read, at) => (isNeeded(columns[at]) ? read : readNull))
    const readersOfRow = readers.map((read, at) => (columns[at]?.isMark ? readNull : read))
    return (message) => {
      for (const { ignored, holds } of rules) if (!holds(message)) return ignored
      const isDeletion = isGone?.(message) ?? false
      return rowOf(message, isDeletion ? readersOfGone : readersOfRow, isDeletion)
    }
  }
}

const readNull: ReadColumn = () => null

const isNeeded = (column: PlannedColumn | undefined) => column?.part !== undefined || column?.isMark === true

/** Of the row that is read now. */
const values: Scalar[] = []

function rowOf(message: Message, readers: readonly ReadColumn[], isGone: boolean): MappedRow | Rejection {
  values.length = readers.length
  for (let at = 0; at < readers.length; at++) {
    const value = (readers[at] as ReadColumn)(message)
    if (typeof value === 'object' && value !== null) return value
    values[at] = value
  }
  return new MappedRow(isGone, values)
}
