import { existsSync, statSync } from 'node:fs'
import { z } from 'zod'
import { preview } from './rejection.ts'

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

const columnTypes = ['inet', 'integer', 'bigint', 'text', 'timestamptz'] as const

const fn = (what: string) =>
  z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', { error: expected(what) })

const text = (pattern: RegExp, what: string) =>
  z.string({ error: expected(what) }).regex(pattern, { error: expected(what) })

const identifierRule = 'a name of 1 to 63 bytes, without a schema'
/** PostgreSQL cuts longer names without a word; a name with a schema is not known yet. */
const identifier = text(/^[^\0".]+$/su, identifierRule).refine((name) => Buffer.byteLength(name) <= 63, {
  error: expected(identifierRule),
})
const resourceId = text(
  /^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/,
  'an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, but not with goog',
)

const column = z.strictObject(
  {
    name: identifier,
    type: z.enum(columnTypes, { error: expected(`one of ${columnTypes.join(', ')}`) }),
    from: z.literal('unix-seconds', { error: expected("'unix-seconds', or left out") }).optional(),
    of: fn('a function that reads the value from a row'),
  },
  { error: objectFault },
)

const table = z
  .strictObject(
    {
      name: identifier,
      columns: z.array(column, { error: expected('an array of columns') }).min(1, { error: 'has no column' }),
      key: z
        .array(z.string(), { error: expected('an array of column names') })
        .min(1, { error: 'names no column' }),
      version: z.tuple([z.string(), z.string()], {
        error: expected('two column names: an integer or a time, and a text that decides between equal ones'),
      }),
    },
    { error: objectFault },
  )
  .superRefine(({ columns, key, version }, context) => {
    const add = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const names = columns.map(({ name }) => name)
    const twice = names.find((name, at) => names.indexOf(name) !== at)
    if (twice !== undefined) add('columns', `has ${preview(twice)} twice`)
    for (const [path, wanted] of [
      ['key', key],
      ['version', version],
    ] as const)
      for (const name of wanted.filter((one) => !names.includes(one)))
        add(path, `names the column ${preview(name)}, which is not among ${names.join(', ')}`)
    if (new Set(key).size < key.length) add('key', 'names a column twice')
    const common = version.find((name) => key.includes(name))
    if (common !== undefined) add('version', `names ${preview(common)}, which is part of the key`)
    const [first, second] = version.map((name) => columns.find((one) => one.name === name))
    if (first && !(first.type === 'bigint' || first.type === 'integer' || first.from === 'unix-seconds'))
      add(
        'version',
        `begins with ${first.name}, which must be a bigint, an integer, or a time from 'unix-seconds'`,
      )
    if (second && second.type !== 'text') add('version', `ends with ${second.name}, which must be a text`)
    for (const { name, type, from } of columns)
      if (from !== undefined && type !== 'timestamptz')
        add('columns', `says from: 'unix-seconds' of ${name}, which is no timestamptz`)
  })

const inspectorMembers = ['example', 'keyOf', 'keyFromMessage', 'mentions', 'subject', 'recordOf', 'content']

const definition = z.strictObject(
  {
    // The table of its migrations has it in its name, of which PostgreSQL keeps 63 bytes.
    name: text(
      /^[a-z][a-z0-9-]{0,49}$/,
      'at most 50 lower-case letters, digits and hyphens, beginning with a letter',
    ),
    topic: resourceId,
    subscription: resourceId,
    table,
    decode: fn('a function from a message to rows'),
    rejections: z
      .array(text(/^[a-z][a-z0-9-]*$/, 'a word of lower-case letters, digits and hyphens'), {
        error: expected('an array of words'),
      })
      .optional(),
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
