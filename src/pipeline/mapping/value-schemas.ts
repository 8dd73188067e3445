import { z } from 'zod'
import { preview } from '#core/preview.ts'
import { maxNameBytes, tableName } from '#core/table-name.ts'
import { isFieldPath, parsePath } from './path.ts'
import { expected, refuseBy, text } from './schema-words.ts'
import type { Refusal } from './schema-words.ts'
import { timezoneFault } from './timezone-fault.ts'

const nameRule = 'at most 50 lower-case letters, digits and hyphens, beginning with a letter'

/** Of a pipeline, or a rule: a label of metrics. */
export const name = text(nameRule).regex(/^[a-z][a-z0-9-]{0,49}$/, { error: expected(nameRule) })

const project = String.raw`(?:[A-Za-z0-9][\w-]*\.[\w.-]*:)?[A-Za-z0-9][\w.-]*`
const resourceId = String.raw`(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}`
const resourceRule = (kind: string) =>
  `an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, but not with goog; or projects/PROJECT/${kind}/ID`

/** A topic or a subscription. */
export function resource(kind: 'topics' | 'subscriptions') {
  const rule = resourceRule(kind)
  return text(rule).regex(new RegExp(`^(?:projects/${project}/${kind}/)?${resourceId}$`), {
    error: expected(rule),
  })
}

const tableRule = 'a name, with or without its schema, of at most 63 bytes each'

export const table = text(tableRule).refine((given) => tableName(given) !== undefined, {
  error: expected(tableRule),
})

const columnRule = 'a name of 1 to 63 bytes'

export const column = text(columnRule)
  .refine(isColumnName, { error: expected(columnRule) })
  .meta({ minLength: 1, maxLength: maxNameBytes })

function isColumnName(given: string): boolean {
  return given !== '' && !given.includes('\0') && Buffer.byteLength(given) <= maxNameBytes
}

/** Of a name that is that of a member. */
export const columnNameFault = (given: string) =>
  isColumnName(given) ? undefined : `is no column: it must be ${columnRule}`

export const columnsRule = 'a column, or a list of columns'

export const columns = z.union(
  [column, z.array(column).min(1, { error: 'names no column' }).meta({ uniqueItems: true })],
  {
    error: expected(columnsRule),
  },
)

export const path = text('a path').superRefine(refuseBy(pathFaults)).meta({ minLength: 1 })

function pathFaults(given: string): Refusal[] {
  const parsed = parsePath(given)
  if ('path' in parsed) return []
  return [{ what: `${preview(given)} ${parsed.fault.what}`, fix: parsed.fault.fix }]
}

/** Where a message is split, from the message on. */
export const arrayPath = text('a path').superRefine(
  refuseBy((given) => {
    const parsed = parsePath(given)
    if ('fault' in parsed) return pathFaults(given)
    if (isFieldPath(parsed.path) && !/^\$element(?!\w)/.test(given)) return []
    return [
      {
        what: `must be the path of an array in the message, not ${preview(given)}`,
        fix: 'for example items',
      },
    ]
  }),
)

export const timezone = text('a time zone')
  .superRefine(
    refuseBy((given) => {
      const found = timezoneFault(given)
      return found === undefined ? [] : [found]
    }),
  )
  .meta({ pattern: String.raw`^(?:[-+](?:0\d|1[0-5]):[0-5]\d|[A-Za-z].*)$` })

const scalarRule = 'a text, a number, true, false or null'

/** What a field can be compared with. */
export const scalar = z
  .unknown()
  .superRefine(
    refuseBy((given: unknown) => {
      if (typeof given !== 'object' || given === null) return []
      const fix = Array.isArray(given) ? 'for one of several values write in: […]' : undefined
      return [{ what: expected(scalarRule)({ input: given }), fix }]
    }),
  )
  .meta({ type: ['string', 'number', 'boolean', 'null'] })

export const flag = z.boolean({ error: expected('true or false') })
