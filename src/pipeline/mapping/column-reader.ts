import { isUtf8 } from 'node:buffer'
import type { Scalar } from '#core/pipeline.ts'
import { preview } from '#core/preview.ts'
import { Rejection } from '#core/rejection.ts'
import type { ReadValue } from '../conversion/json-value.ts'
import { shownValue } from '../conversion/shown-value.ts'
import { valueKinds } from '../json/syntax.ts'
import { codecOf } from '../values/column-codec.ts'
import { ValueFault } from '../values/value-codec.ts'
import { constantReader } from './constant.ts'
import type { Path, TextPath, ValuePath } from './mapping.ts'
import type { Message, Place, Places } from './message.ts'
import { isMetadata, metadataText } from './metadata.ts'
import { pathText } from './path.ts'
import type { PlannedColumn } from './planned-column.ts'
import { whyNotNull } from './planned-column.ts'
import { takesMicros, valueReader } from './value-reader.ts'

/** The value of a column for the record that was scanned last. */
export type ReadColumn = (message: Message) => Scalar | Rejection

/** As a path gives it: `undefined` where there is nothing, a fault where it is not what the column takes. */
type ReadPath = (message: Message) => Scalar | ValueFault | undefined

/** Compiled once. In two steps, since places are known only once all are asked for. */
export function columnReader(column: PlannedColumn, places: Places): () => ReadColumn {
  const { source } = column
  const read = (path?: ValuePath) => withKeyText(column, valueReader(column, path))
  if (source.kind === 'value') {
    const value = constantReader(source.value, read()) as Scalar
    return () => () => value
  }
  const { paths, missing } = source
  const makers = paths.map((one) => pathReader(column, one, read(one), places))
  const instead = typeof missing === 'object' ? (constantReader(missing, read()) as Scalar) : undefined
  return () => {
    const [first, ...others] = makers.map((make) => make()) as [ReadPath, ...ReadPath[]]
    const readFirst = others.length === 0 ? first : firstOf([first, ...others])
    return (message) => {
      const value = readFirst(message)
      // Most values are texts and numbers.
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value
      if (value instanceof ValueFault) return rejectionOf(value, column)
      if (instead !== undefined) return instead
      if (value === undefined) return missing === 'null' ? null : missingField(column)
      return nullFault(column) ?? null
    }
  }
}

/** The first that has a value. Where none has, null says more than a path that leads nowhere, and that more than nothing. */
function firstOf(readers: readonly ReadPath[]): ReadPath {
  return (message) => {
    let instead: ReturnType<ReadPath>
    for (const read of readers) {
      const value = read(message)
      if (value === null) instead = null
      else if (value instanceof BlockedPath) instead = instead === undefined ? value : instead
      else if (value !== undefined) return value
    }
    return instead
  }
}

/** One value of a key has one text. */
function withKeyText({ type, part }: PlannedColumn, read: ReadValue): ReadValue {
  if (part !== 'key') return read
  const { keyText } = codecOf(type)
  return (kind, bytes, start, end) => {
    const value = read(kind, bytes, start, end)
    return typeof value === 'string' ? keyText(value) : value
  }
}

function pathReader(
  column: PlannedColumn,
  { path }: ValuePath,
  read: ReadValue,
  places: Places,
): () => ReadPath {
  if (path.from === 'data') return dataReader(column, read, places)
  if (isMetadata(path)) return () => metadataReader(column, path, read)
  const find = places.add(path)
  return () => fieldReader(find(), path, read)
}

function fieldReader({ scanner, at }: Place, path: Path, read: ReadValue): ReadPath {
  const { kinds, starts, ends } = scanner
  return ({ bytes }) => {
    const kind = kinds[at] as number
    if (kind === valueKinds.missing) return undefined
    if (kind === valueKinds.blocked) return new BlockedPath(path)
    const [start, end] = [starts[at] as number, ends[at] as number]
    const value = read(kind, bytes, start, end)
    return value instanceof ValueFault
      ? new PathFault(value, path, shownValue(kind, bytes, start, end))
      : value
  }
}

/** What is wrong with the value at a path. */
class PathFault extends ValueFault {
  readonly path: Path

  /** @param value as people see it; most faults begin with it */
  constructor({ kind, what }: ValueFault, path: Path, value?: string) {
    const isShown = value === undefined || value.startsWith('an ') || /(?:^|\] )is /.test(what)
    super(kind, isShown ? what : `${what}: ${value}`)
    this.path = path
  }
}

/** Something on the way to the value is not an object, or not an array. */
class BlockedPath extends PathFault {
  constructor(path: Path) {
    const what = `cannot be read: something on the way to ${pathText(path)} is neither an object nor null`
    super(new ValueFault('wrong-kind', what), path)
  }
}

function metadataReader(column: PlannedColumn, path: TextPath, read: ReadValue): ReadPath {
  if (path.from === 'publishTime' && takesMicros(column)) {
    const step = 10 ** (6 - (column.type.modifiers[0] ?? 6))
    return ({ delivery }) => Math.floor((delivery.publishTimeMs * 1000) / step) * step
  }
  return ({ delivery }) => {
    const text = metadataText(path, delivery)
    if (text === undefined) return undefined
    const value = readText(read, text)
    return value instanceof ValueFault ? new PathFault(value, path, preview(text)) : value
  }
}

/** All of the message: as bytes, as a document, or as a text. */
function dataReader({ readAs: type }: PlannedColumn, read: ReadValue, places: Places): () => ReadPath {
  if (type.name === 'bytea')
    return () =>
      ({ bytes, from, to }) =>
        `\\x${bytes.toString('hex', from, to)}`
  if (type.name !== 'json' && type.name !== 'jsonb')
    return () =>
      ({ bytes, from, to }) =>
        readAll(read, bytes.subarray(from, to))
  const path: Path = { from: 'message', segments: [] }
  const find = places.add(path)
  return () => fieldReader(find(), path, read)
}

function readAll(read: ReadValue, data: Buffer): ReturnType<ReadPath> {
  return isUtf8(data)
    ? readText(read, data.toString('utf8'))
    : new ValueFault('bad-value', 'is not valid UTF-8')
}

/** A text that does not stand in JSON. */
function readText(read: ReadValue, text: string): ReturnType<ReadPath> {
  const bytes = Buffer.from(JSON.stringify(text))
  // Without its quotes.
  return read(valueKinds.text, bytes, 1, bytes.length - 1)
}

function missingField({ name, source }: PlannedColumn): Rejection {
  const paths = source.kind === 'paths' ? source.paths.map(({ path }) => pathText(path)) : []
  const needed = paths.length === 1 && paths[0] === name ? '' : `, which the column ${name} needs`
  const which =
    paths.length === 1
      ? `"${paths[0]}" is missing`
      : `none of ${paths.map((one) => `"${one}"`).join(', ')} is there`
  return new Rejection('missing-field', `${which}${needed}`)
}

function nullFault(column: PlannedColumn): Rejection | undefined {
  const { part, isMark } = column
  const fixed = isMark && part === undefined ? 'marks a row that is gone' : whyNotNull(column)
  if (fixed === undefined) return undefined
  const why = fixed === 'NOT NULL' ? 'NOT NULL in the table' : fixed
  return rejectionOf(new ValueFault('bad-value', `is null, and ${why}`), column)
}

function rejectionOf(fault: ValueFault, { name, source }: PlannedColumn): Rejection {
  const { kind, what } = fault
  const [only, ...others] = source.kind === 'paths' ? source.paths.map((one) => one.path) : []
  const found = fault instanceof PathFault ? fault.path : others.length === 0 ? only : undefined
  const path = found ? pathText(found) : name
  const from = path === name ? '' : ` (from ${path})`
  return new Rejection(
    kind === 'wrong-kind' ? 'wrong-type' : 'bad-value',
    `the column ${name}${from} ${what}`,
  )
}
