import { z } from 'zod'
import { name, path, flag, scalar } from './value-schemas.ts'
import type { Exclusion, Refusal } from './schema-words.ts'
import { excluding, expected, objectOf, refuseBy, withExclusions } from './schema-words.ts'

/** As a file has it. */
export interface FileCondition {
  readonly path?: string | undefined
  readonly equals?: unknown
  readonly in?: readonly unknown[] | undefined
  readonly exists?: boolean | undefined
  readonly not?: FileCondition | undefined
  readonly all?: readonly FileCondition[] | undefined
  readonly any?: readonly FileCondition[] | undefined
}

const ofPath = ['equals', 'in', 'exists'] as const
const ofConditions = ['not', 'all', 'any'] as const
const kinds = [...ofPath, ...ofConditions]

const exclusions: readonly Exclusion[] = [
  ...kinds.flatMap((kind, at) =>
    kinds.slice(at + 1).map((other): Exclusion => [kind, other, 'several conditions go into all or any']),
  ),
  ...ofConditions.map((kind): Exclusion => [kind, 'path', 'the conditions in it have their own']),
]

const conditions = z
  .array(
    z.lazy(() => condition),
    { error: expected('a list of conditions') },
  )
  .min(1, { error: 'has no condition' })

const members = {
  path: path.optional().describe('The path whose value is looked at.'),
  equals: scalar
    .optional()
    .describe('Holds for this value: a text, a number, true, false or null. A missing field equals nothing.'),
  in: z
    .array(scalar, { error: expected('a list of values') })
    .min(1, { error: 'has no value' })
    .optional()
    .describe('Holds for each of these values.'),
  exists: flag.optional().describe('Whether the field is there. One that is null is there.'),
  not: z
    .lazy(() => condition)
    .optional()
    .describe('Holds where this condition does not.'),
  all: conditions.optional().describe('Holds where each of these conditions does.'),
  any: conditions.optional().describe('Holds where one of these conditions does.'),
}

/** What the schema's types do not say: for the parser, and for a JSON schema. */
const check = refuseBy(conditionFaults)
const inJsonSchema = {
  anyOf: [
    ...ofPath.map((kind) => ({ required: ['path', kind] })),
    ...ofConditions.map((kind) => ({ required: [kind] })),
  ],
  ...excluding(exclusions),
}

const rule = 'a condition, such as { path: type, equals: order }'

export const condition: z.ZodType<FileCondition> = withExclusions(objectOf(members, rule), exclusions)
  .superRefine(check)
  .meta({ id: 'condition', ...inJsonSchema })

/** A condition that may have a name. */
const namedCondition = withExclusions(
  objectOf(
    {
      name: name
        .optional()
        .describe(
          'Under this name the records that do not fulfil it are counted. Default: where-1, where-2, …; of a condition that is no list: where.',
        ),
      ...members,
    },
    rule,
  ),
  exclusions,
)
  .superRefine(check)
  .meta({ id: 'rule', ...inJsonSchema })

export type FileRule = z.infer<typeof namedCondition>

export const where = z.union(
  [namedCondition, z.array(namedCondition).min(1, { error: 'has no condition' })],
  {
    error: expected('a condition, or a list of conditions'),
  },
)

function conditionFaults(given: FileCondition): Refusal[] {
  const kind = kinds.find((one) => given[one] !== undefined)
  if (kind === undefined) return [{ what: `is not a condition: it needs one of ${kinds.join(', ')}` }]
  const lacksPath = given.path === undefined && ofPath.some((one) => one === kind)
  if (lacksPath) return [{ path: ['path'], what: `is missing: ${kind} looks at a field` }]
  return pointlessFaults(given, kind)
}

/** A condition that holds always, or never, would let every message through, or none. */
function pointlessFaults({ path: given }: FileCondition, kind: string): Refusal[] {
  if (given === '$data' && kind !== 'exists')
    return [
      { path: ['path'], what: 'is all of the message, which equals nothing', fix: 'name a field of it' },
    ]
  if (given !== undefined && alwaysThere.has(given) && kind === 'exists')
    return [{ path: ['path'], what: `is ${given}, which every message has`, fix: 'remove the condition' }]
  return []
}

const alwaysThere: ReadonlySet<string> = new Set(['$publishTime', '$messageId', '$subscription'])
