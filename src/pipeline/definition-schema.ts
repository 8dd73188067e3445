import { existsSync, statSync } from 'node:fs'
import { z } from 'zod'
import { expected, fn, objectFault, text } from './definition-words.ts'
import { table } from './table-schema.ts'

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

/** Of a project its id, with or without a domain, or its number. https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
const resource = (collection: 'topics' | 'subscriptions') =>
  text(
    new RegExp(
      `^(?:projects/[A-Za-z0-9][\\w.:-]{0,99}/${collection}/)?(?!goog)[A-Za-z][A-Za-z0-9\\-_.~+%]{2,254}$`,
    ),
    `an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, but not with goog, or projects/<project>/${collection}/<id>`,
  )

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
    flushIntervalMs: z
      .int({ error: expected('whole milliseconds') })
      .min(0, { error: 'must be at least 0' })
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
