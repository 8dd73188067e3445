import type { Delivery } from '#core/delivery.ts'
import type { Column, Pipeline, PostgresTable, RecordInspector, RecordKey, Scalar } from '#core/pipeline.ts'
import { columnNamed } from '#core/pipeline.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import { canonicalIp } from './ip.ts'
import type { Newest } from './newest.ts'

interface Inspected<R> extends Pick<Pipeline<R>, 'name' | 'decode'> {
  readonly table: PostgresTable<R>
  readonly merge: Newest<R>
}

/** Of any size, and of any time: it will not be stored. */
const noLimits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }

/** How records of a table are named where a pipeline does not say: by words `column=value`. */
export function tableInspector<R>({ name, table, decode, merge }: Inspected<R>): RecordInspector {
  const key = table.key.map((one) => columnNamed(table, one))
  const [version, content] = table.version.map((one) => columnNamed(table, one)) as [Column<R>, Column<R>]
  const keyOfValues = (values: readonly (string | number)[]): RecordKey => ({
    key: merge.keyOf(values),
    values,
  })
  const rowsIn = (delivery: Delivery): readonly (R | Rejection)[] => {
    try {
      const decoded = decode(delivery, noLimits)
      return Array.isArray(decoded) ? decoded : [decoded as R | Rejection]
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
      const at = (column: Column<R>) => row[table.columns.indexOf(column)]
      const [number, text] = [at(version), at(content)]
      const isWhole = version.from === 'unix-seconds' ? Number.isFinite(number) : /^\d+$/.test(String(number))
      if (!isWhole || typeof text !== 'string') return undefined
      const values = key.map((column) => at(column) as string | number)
      const seconds = typeof number === 'number' ? Math.floor(number) : (number as string)
      return { key: merge.keyOf(values), version: BigInt(seconds), content: text }
    },
    ...(version.from === 'unix-seconds'
      ? { versionTime: { word: version.name, msOf: (seconds: bigint) => Number(seconds) * 1000 } }
      : {}),
    content: content.name,
  }
}

const exampleOf = ({ type }: Column) => (type === 'inet' ? '1.1.1.7' : type === 'text' ? 'a' : '1')

/** The value that a word of the command line gives a column of the key. */
function valueIn(words: readonly string[], { name, type }: Column): string | number | Rejection {
  const word = words.find((one) => one.startsWith(`${name}=`))
  if (word === undefined) return new Rejection('missing-field', `${name} is missing`)
  const text = word.slice(name.length + 1)
  if (type === 'text' || type === 'timestamptz') return text
  if (type === 'inet')
    return canonicalIp(text) ?? new Rejection('bad-ip', `${name} is not an IP address: ${text}`)
  if (!/^(?:0|-?[1-9]\d*)$/.test(text))
    return new Rejection('wrong-type', `${name} must be a whole number, not ${text}`)
  // Beyond what a number holds exactly, PostgreSQL reads the digits.
  return Number.isSafeInteger(Number(text)) ? Number(text) : text
}

function hasWord(text: string, word: Scalar): boolean {
  const pattern = RegExp.escape(String(word))
  return new RegExp(`(?<![\\p{L}\\p{N}_])${pattern}(?![\\p{L}\\p{N}_])`, 'u').test(text)
}
