import { existsSync, statSync } from 'node:fs'
import { z } from 'zod'
import { columnType } from '#core/column-type.ts'
import { maxNameBytes, tableName } from '#core/table-name.ts'
import { preview } from '#core/preview.ts'
import { hasRank } from './version-rank.ts'

/** Everything that is wrong with a pipeline's definition. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError'
  /** Each with the member that it is about. */
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`not a pipeline: ${faults.join('; ')}`)
    this.faults = faults
  }
}

const fn = (what: string) =>
  z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', { error: expected(what) })

const text = (pattern: RegExp, what: string) =>
  z.string({ error: expected(what) }).regex(pattern, { error: expected(what) })

const tableRule = 'a name, with or without its schema, of at most 63 bytes each'
const columnRule = 'a name of 1 to 63 bytes'
const typeRule = 'a type as SQL has it: text, numeric(12,2), text[], sales.mood'

/** Of a project its id, with or without a domain, or its number. https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
const resource = (collection: 'topics' | 'subscriptions') =>
  text(
    new RegExp(
      `^(?:projects/[A-Za-z0-9][\\w.:-]{0,99}/${collection}/)?(?!goog)[A-Za-z][A-Za-z0-9\\-_.~+%]{2,254}$`,
    ),
    `an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, but not with goog, or projects/<project>/${collection}/<id>`,
  )

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

const table = z
  .strictObject(
    {
      name: z
        .string({ error: expected(tableRule) })
        .refine((name) => tableName(name) !== undefined, { error: expected(tableRule) }),
      columns: z.array(column, { error: expected('an array of columns') }).min(1, { error: 'has no column' }),
      key: columnNames,
      version: columnNames,
      delete: deletes.optional(),
    },
    { error: objectFault },
  )
  .superRefine((given, context) => {
    for (const { path, message } of tableFaults(given))
      context.addIssue({ code: 'custom', path: [path], message })
  })

interface Fault {
  readonly path: keyof z.infer<typeof table>
  readonly message: string
}

type Table = Pick<z.infer<typeof table>, 'columns' | 'key' | 'version' | 'delete'>

/** What no member shows by itself. */
function tableFaults(given: Table): Fault[] {
  return [...nameFaults(given), ...versionFaults(given), ...typeFaults(given), ...deleteFaults(given)]
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

const inspectorMembers = ['example', 'keyOf', 'keyFromMessage', 'mentions', 'subject', 'recordOf', 'content']

const words = z
  .array(text(/^[a-z][a-z0-9-]*$/, 'a word of lower-case letters, digits and hyphens'), {
    error: expected('an array of words'),
  })
  .optional()

const definition = z.strictObject(
  {
    // The table of its migrations has it in its name, of which PostgreSQL keeps 63 bytes.
    name: text(
      /^[a-z][a-z0-9-]{0,49}$/,
      'at most 50 lower-case letters, digits and hyphens, beginning with a letter',
    ),
    topic: resource('topics'),
    subscription: resource('subscriptions'),
    table,
    decode: fn('a function from a message to rows'),
    rejections: words,
    ignoreRules: words,
    format: z
      .int({ error: expected('a whole number') })
      .min(1, { error: 'must be at least 1' })
      .optional(),
    inspector: z
      .custom((value) => inspectorMembers.every((name) => Object.hasOwn(Object(value), name)), {
        error: expected(`an object with ${inspectorMembers.join(', ')}`),
      })
      .optional(),
    migrations: z
      .custom((value) => value instanceof URL && isFolder(value), {
        error: expected("the URL of a folder that is there: new URL('./migrations/', import.meta.url)"),
      })
      .optional(),
  },
  { error: objectFault },
)

function isFolder(url: URL): boolean {
  return url.protocol === 'file:' && existsSync(url) && statSync(url).isDirectory()
}

/** @throws DefinitionError with everything that is wrong */
export function checkDefinition(given: unknown): void {
  const { error } = definition.safeParse(given)
  if (error) throw new DefinitionError(error.issues.map(faultOf))
}

function faultOf({ path, message }: z.core.$ZodIssue): string {
  const where = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return where === '' ? message : `${where.slice(1)} ${message}`
}

function expected(what: string) {
  return ({ input }: { readonly input?: unknown }) =>
    input === undefined ? `is missing: ${what}` : `must be ${what}, not ${preview(input)}`
}

function objectFault({
  code,
  input,
  keys,
}: {
  code?: string
  input?: unknown
  keys?: readonly string[]
}): string {
  if (code === 'unrecognized_keys') return `has the unknown member ${(keys ?? []).map(preview).join(', ')}`
  return expected('an object')({ input })
}
