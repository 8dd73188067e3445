import { z } from 'zod'
import { engineRules } from '#core/ignored.ts'
import { preview } from '#core/preview.ts'
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
  path: path.optional().describe('Path of the value to test.'),
  equals: scalar
    .optional()
    .describe(
      'Holds if the value equals this text, number, true, false or null. A missing field equals nothing.',
    ),
  in: z
    .array(scalar, { error: expected('a list of values') })
    .min(1, { error: 'has no value' })
    .optional()
    .describe('Holds if the value equals one of these.'),
  exists: flag
    .optional()
    .describe(
      'true: holds if the field is present. false: holds if it is missing. A null field counts as present.',
    ),
  not: z
    .lazy(() => condition)
    .optional()
    .describe('Holds if this condition does not hold.'),
  all: conditions.optional().describe('Holds if all of these conditions hold.'),
  any: conditions.optional().describe('Holds if at least one of these conditions holds.'),
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

const engineNames: readonly string[] = Object.values(engineRules)

/** What the engine counts has names in the same metric. */
const ruleLabel = name
  .superRefine(
    refuseBy((given) =>
      engineNames.includes(given)
        ? [{ what: `${preview(given)} is a rule of the ingester itself`, fix: 'give it another name' }]
        : [],
    ),
  )
  .meta({ not: { enum: engineNames } })

/** A condition that may have a name. */
const namedCondition = withExclusions(
  objectOf(
    {
      name: ruleLabel
        .optional()
        .describe(
          'Name under which records that do not match are counted. Default: where-1, where-2, …; for a single condition: where.',
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
