import type { Delivery } from '#core/delivery.ts'
import type {
  Column,
  DecodedRow,
  Pipeline,
  PostgresTable,
  RecordInspector,
  RecordKey,
  Scalar,
  StoredRow,
} from '#core/pipeline.ts'
import { columnNamed, typeOf } from '#core/pipeline.ts'
import { isIgnored } from '#core/ignored.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import { badValue } from '#core/dead-letter.ts'
import { keyTextOf } from './key-text.ts'
import { codecOf } from './values/column-codec.ts'
import { secondsCodec } from './values/unix-seconds.ts'
import { ValueFault } from './values/value-codec.ts'
import { unixMicros } from './version-rank.ts'

interface Inspected<R> extends Pick<Pipeline<R>, 'name' | 'decode'> {
  readonly table: PostgresTable<R>
}

/** Of any size, and of any time: it will not be stored. */
const noLimits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }

/** How records of a table are named where a pipeline does not say: by words `column=value`. */
export function tableInspector<R>({ name, table, decode }: Inspected<R>): RecordInspector {
  const keyText = keyTextOf(table)
  const key = table.key.map((one) => columnNamed(table, one))
  const [first] = table.version
  const version = first === undefined ? undefined : columnNamed(table, first)
  const others = table.columns.filter((column) => !key.includes(column) && column !== version)
  const [only, ...more] = others
  const text = only && more.length === 0 && only.name === table.version[1] ? only : undefined
  const keyOfValues = (values: readonly (string | number)[]): RecordKey => ({
    key: keyText(values),
    values,
  })
  const rowsIn = (delivery: Delivery): readonly (R | Rejection)[] => {
    try {
      const decoded = decode(delivery, noLimits)
      const rows = Array.isArray(decoded) ? (decoded as readonly DecodedRow<R>[]) : [decoded as DecodedRow<R>]
      return rows.filter((row): row is R | Rejection => !isIgnored(row))
    } catch {
      // The module's own code: why it fails stands in the dead letter.
      return []
    }
  }
  return {
    example: key.map((column) => `${column.name}=${exampleOf(column)}`),
    keyOf: (words) => {
      const values = key.map((column) => valueIn(words, column))
      const wrong = values.find(isRejection)
      return wrong ?? keyOfValues(values as (string | number)[])
    },
    keyFromMessage: (delivery) => {
      const [row, ...others] = rowsIn(delivery)
      // Of several it is looked for in the text.
      if (row === undefined || others.length > 0)
        return new Rejection('no-record', 'the message has not one record')
      return isRejection(row) ? row : keyOfValues(key.map((column) => column.of(row) as string | number))
    },
    mentions: ({ values }, text) => values.every((value) => hasWord(text, String(value))),
    subject: ({ values }) => `${name} ${key.map((column, at) => `${column.name}=${values[at]}`).join(' ')}`,
    recordOf: (row) => {
      if (version === undefined) return undefined
      const valueOf = (column: Column<R>) => row[table.columns.indexOf(column)] ?? null
      const rank = storedRank(valueOf(version), version)
      if (rank === undefined || (text && valueOf(text) === null)) return undefined
      const values = Object.fromEntries(others.map((column) => [column.name, valueOf(column)]))
      return {
        key: keyText(key.map((column) => valueOf(column) as string | number)),
        version: rank < 0n ? 0n : rank,
        ...(text
          ? { content: String(valueOf(text)) }
          : { content: JSON.stringify(values), isRespelled: true }),
      }
    },
    ...(version && isTime(version) ? { versionTime: { word: version.name, msOf: msReader(version) } } : {}),
    content: text?.name ?? 'with',
  }
}

/** The place of a stored version in the order; undefined where no message could have it. */
function storedRank(value: StoredRow[number], { from, ...column }: Column): bigint | undefined {
  if (value === null) return undefined
  if (from === 'unix-seconds') return Number.isFinite(value) ? BigInt(Math.floor(Number(value))) : undefined
  if (isTime(column)) return unixMicros(String(value))
  return BigInt(value)
}

const isTime = (column: Pick<Column, 'name' | 'type'>) => typeOf(column).name === 'timestamptz'

const msReader = ({ from }: Column) =>
  from === 'unix-seconds'
    ? (seconds: bigint) => Number(seconds) * 1000
    : (micros: bigint) => Number(micros / 1000n)

const examples: Readonly<Record<string, string>> = {
  inet: '1.1.1.7',
  text: 'a',
  'character varying': 'a',
  uuid: '01234567-89ab-4cde-8f01-23456789abcd',
  date: '2026-01-31',
  timestamptz: '2026-01-31T12:00:00Z',
  timestamp: '2026-01-31T12:00:00',
  boolean: 'true',
  bytea: '\\x00ff',
  cidr: '10.0.0.0/8',
}

const exampleOf = (column: Column) => examples[typeOf(column).name] ?? '1'

/** The value that a word of the command line gives a column of the key. */
function valueIn(words: readonly string[], column: Column): string | number | Rejection {
  const { name } = column
  const word = words.find((one) => one.startsWith(`${name}=`))
  if (word === undefined) return new Rejection('missing-field', `${name} is missing`)
  const codec = column.from === 'unix-seconds' ? secondsCodec : codecOf(typeOf(column))
  const value = codec.encode(word.slice(name.length + 1))
  if (value instanceof ValueFault) return new Rejection(badValue, `${name} ${value.what}`)
  return value === null ? '' : codec.keyText(value)
}

function hasWord(text: string, word: Scalar): boolean {
  const pattern = RegExp.escape(String(word))
  return new RegExp(`(?<![\\p{L}\\p{N}_])${pattern}(?![\\p{L}\\p{N}_])`, 'u').test(text)
}
