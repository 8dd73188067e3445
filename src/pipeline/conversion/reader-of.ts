import type { ColumnType } from '#core/column-type.ts'
import { codecOf } from '../values/column-codec.ts'
import { arrayReader } from './arrays.ts'
import type { BinaryEncoding } from './binary.ts'
import { byteaReader, encodedTextReader } from './binary.ts'
import { documentReader } from './documents.ts'
import { integerReader } from './integers.ts'
import type { ReadValue } from './json-value.ts'
import { booleanReader, numberReader, plainTextReader, stringReader, textReader } from './scalars.ts'
import type { TimeOptions } from './times.ts'
import { inText, timestampReader, timestamptzReader } from './times.ts'
import type { Encode } from '../values/value-codec.ts'

/** What a mapping says of a column, beside its path. */
export interface ReadOptions extends Omit<TimeOptions, 'precision'> {
  /** How bytes are written in a string. A text that has it is the UTF-8 of these bytes. */
  readonly encoding?: BinaryEncoding
}

const strings: Readonly<Record<string, string>> = {
  uuid: 'a UUID',
  inet: 'an IP address',
  cidr: 'an IP network',
  date: 'a date as YYYY-MM-DD',
  time: 'a time as HH:MM:SS',
}

/**
 * How values of JSON get into a column of this type: docs/MAPPING.md has the rules. A timestamptz travels as microseconds
 * since 1970 (see {@link travelsAsMicros}), unless all values are to be texts.
 */
export function readerOf(type: ColumnType, options: ReadOptions, isText: boolean): ReadValue {
  const { name, isArray, modifiers } = type
  if (isArray) {
    const element = { ...type, isArray: false }
    return arrayReader(textFormReader(element, options), name !== 'json' && name !== 'jsonb')
  }
  if (isText || !travelsAsMicros(type)) return textFormReader(type, options)
  return timestamptzReader({ ...options, ...precisionOf(modifiers) })
}

/** Whether its values may travel as integers that become times. */
export function travelsAsMicros({ name, isArray }: ColumnType): boolean {
  return name === 'timestamptz' && !isArray
}

/** Every value as PostgreSQL reads it from a text. */
function textFormReader(type: ColumnType, options: ReadOptions): ReadValue {
  const { name, modifiers } = type
  const codec = codecOf(type)
  const encode = codec.encode as Encode
  const { encoding } = options
  switch (name) {
    case 'smallint':
    case 'integer':
    case 'bigint':
      return integerReader(name)
    case 'numeric':
    case 'real':
    case 'double precision':
      return numberReader(encode)
    case 'boolean':
      return booleanReader(encode)
    case 'json':
    case 'jsonb':
      return documentReader(name)
    case 'bytea':
      return byteaReader(encoding ?? 'base64')
    case 'timestamptz':
      return inText(timestamptzReader({ ...options, ...precisionOf(modifiers) }))
    case 'timestamp':
      return timestampReader({ ...options, ...precisionOf(modifiers) })
    case 'text':
      return encoding === undefined ? plainTextReader(encode) : encodedTextReader(encoding, encode)
    default: {
      const expected = strings[name]
      if (expected !== undefined) return stringReader(encode, expected)
      return encoding === undefined ? textReader(encode) : encodedTextReader(encoding, encode)
    }
  }
}

const precisionOf = ([precision]: readonly number[]) => (precision === undefined ? {} : { precision })
