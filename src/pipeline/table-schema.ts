import { z } from 'zod'
import { columnType, isSummable } from '#core/column-type.ts'
import type { TableMode } from '#core/pipeline.ts'
import { tableModes } from '#core/pipeline.ts'
import { preview } from '#core/preview.ts'
import { maxNameBytes, tableName } from '#core/table-name.ts'
import { expected, fn, objectFault, text } from './definition-words.ts'
import { hasRank } from './version-rank.ts'

const tableRule = 'a name, with or without its schema, of at most 63 bytes each'
const columnRule = 'a name of 1 to 63 bytes'
const typeRule = 'a type as SQL has it: text, numeric(12,2), text[], sales.mood'

const column = z.strictObject(
  {
    name: text(/^[^\0]+$/su, columnRule).refine((name) => Buffer.byteLength(name) <= maxNameBytes, {
      error: expected(columnRule),
    }),
    type: z
      .string({ error: expected(typeRule) })
      .refine((type) => columnType(type) !== undefined, { error: expected(typeRule) }),
    from: z.literal('unix-seconds', { error: expected("'unix-seconds', or left out") }).optional(),
    of: fn('a function that reads the value from a row'),
  },
  { error: objectFault },
)

const columnNames = z
  .array(z.string(), { error: expected('an array of column names') })
  .min(1, { error: 'names no column' })

const deletes = z.strictObject(
  {
    when: fn('a function that says whether a row is gone'),
    mode: z
      .union([z.literal('hard'), z.strictObject({ column: z.string() })], {
        error: expected("'hard', or { column: … }"),
      })
      .optional(),
  },
  { error: objectFault },
)

export const table = z
  .strictObject(
    {
      name: z
        .string({ error: expected(tableRule) })
        .refine((name) => tableName(name) !== undefined, { error: expected(tableRule) }),
      columns: z.array(column, { error: expected('an array of columns') }).min(1, { error: 'has no column' }),
      mode: z.enum(tableModes, { error: expected(tableModes.join(', ')) }).optional(),
      key: columnNames.optional(),
      version: columnNames.optional(),
      delete: deletes.optional(),
    },
    { error: objectFault },
  )
  .superRefine((given, context) => {
    for (const { path, message } of tableFaults(given))
      context.addIssue({ code: 'custom', path: [path], message })
  })

type GivenTable = z.infer<typeof table>

interface Fault {
  readonly path: keyof GivenTable
  readonly message: string
}

interface Table extends Pick<GivenTable, 'mode' | 'delete'> {
  readonly columns: GivenTable['columns']
  readonly key: readonly string[]
  readonly version: readonly string[]
}

/** What no member shows by itself. */
function tableFaults(given: GivenTable): Fault[] {
  const { key = [], version = [] } = given
  const whole: Table = { ...given, key, version }
  return [
    ...modeFaults(given),
    ...nameFaults(whole),
    ...versionFaults(whole),
    ...typeFaults(whole),
    ...sumFaults(whole),
    ...deleteFaults(whole),
  ]
}

const needed: Readonly<Record<TableMode, readonly ('key' | 'version')[]>> = {
  newest: ['key', 'version'],
  append: [],
  sum: ['key'],
}

/** Members that a mode needs and that are not there, and those that mean nothing in it. */
function modeFaults(given: GivenTable): Fault[] {
  const { mode = 'newest' } = given
  const missing = needed[mode].filter((path) => given[path] === undefined)
  const members = ['key', 'version', 'delete'] as const
  const foreign = members.filter((path) => !isOf(mode, path) && given[path] !== undefined)
  return [
    ...missing.map((path) => ({ path, message: 'is missing: an array of column names' })),
    ...foreign.map((path) => ({ path, message: `means nothing where the mode is ${mode}: leave it out` })),
  ]
}

function isOf(mode: TableMode, path: 'key' | 'version' | 'delete'): boolean {
  return mode === 'newest' || (mode === 'sum' && path === 'key')
}

function sumFaults({ mode, columns, key }: Table): Fault[] {
  if (mode !== 'sum') return []
  const sums = columns.filter(({ name }) => !key.includes(name))
  const unfit = sums.filter(({ type }) => {
    const known = columnType(type)
    return known !== undefined && !isSummable(known)
  })
  return [
    ...faultIf(sums.length === 0, 'columns', 'has no column beside the key, which would be added up'),
    ...unfit.map(({ name, type }) => ({
      path: 'columns' as const,
      message: `adds up ${name}, a ${type}: only smallint, integer, bigint and numeric have exact sums`,
    })),
  ]
}

function nameFaults({ columns, key, version }: Table): Fault[] {
  const names = columns.map(({ name }) => name)
  const unknown = (path: 'key' | 'version', wanted: readonly string[]): Fault[] =>
    wanted
      .filter((one) => !names.includes(one))
      .map((one) => ({
        path,
        message: `names the column ${preview(one)}, which is not among ${names.join(', ')}`,
      }))
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  const common = version.find((name) => key.includes(name))
  return [
    ...faultIf(twice !== undefined, 'columns', `has ${preview(twice)} twice`),
    ...unknown('key', key),
    ...unknown('version', version),
    ...faultIf(new Set(key).size < key.length, 'key', 'names a column twice'),
    ...faultIf(new Set(version).size < version.length, 'version', 'names a column twice'),
    ...faultIf(common !== undefined, 'version', `names ${preview(common)}, which is part of the key`),
  ]
}

/** All but the last are numbers or times, which have one order here and in the database. */
function versionFaults({ columns, version }: Table): Fault[] {
  return version.flatMap((name, at) => {
    const found = columns.find((one) => one.name === name)
    const type = found && columnType(found.type)
    if (!found || !type || hasRank(found)) return []
    const isLastText = at > 0 && at === version.length - 1 && type.name === 'text' && !type.isArray
    const message = `names ${name}, which must be a smallint, integer, bigint or timestamptz${at > 0 ? ', or a text at the end' : ''}`
    return faultIf(!isLastText, 'version', message)
  })
}

function typeFaults({ columns, key }: Table): Fault[] {
  return columns.flatMap(({ name, type, from }) => {
    const known = columnType(type)
    if (!known) return []
    const isTime = known.name === 'timestamptz' && !known.isArray
    return [
      ...faultIf(
        from !== undefined && !isTime,
        'columns',
        `says from: 'unix-seconds' of ${name}, which is no timestamptz`,
      ),
      ...faultIf(
        key.includes(name) && known.isArray,
        'key',
        `names ${name}, an array, which cannot be part of a key`,
      ),
    ]
  })
}

function deleteFaults({ columns, key, version, delete: deleting }: Table): Fault[] {
  if (!deleting) return []
  const last = columns.find(({ name }) => name === version.at(-1))
  const { mode } = deleting
  const mark = typeof mode === 'object' ? mode.column : undefined
  const isKnown = mark === undefined || columns.some(({ name }) => name === mark)
  const isOther = mark === undefined || ![...key, ...version].includes(mark)
  return [
    ...faultIf(!isKnown, 'delete', `marks the column ${preview(mark)}, which is not among the columns`),
    ...faultIf(!isOther, 'delete', `marks ${preview(mark)}, which is part of the key or the version`),
    ...faultIf(
      last !== undefined && columnType(last.type)?.name === 'text',
      'version',
      `ends with the text ${last?.name}: where messages delete, only numbers and times decide`,
    ),
  ]
}

const faultIf = (isWrong: boolean, path: Fault['path'], message: string): Fault[] =>
  isWrong ? [{ path, message }] : []
