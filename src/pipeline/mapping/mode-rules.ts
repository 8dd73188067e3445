import type { z } from 'zod'
import type { TableMode } from '#core/pipeline.ts'
import { tableModes } from '#core/pipeline.ts'

type Member = 'key' | 'version' | 'delete'

interface ModeRule {
  readonly needs: readonly Member[]
  /** Members that mean nothing in it: why, and what to do. */
  readonly refuses: Readonly<Partial<Record<Member, readonly [why: string, fix: string]>>>
}

const neitherNewer = 'every record counts, and none is newer than another'

const modeRules: Readonly<Record<TableMode, ModeRule>> = {
  newest: { needs: ['key', 'version'], refuses: {} },
  append: {
    needs: [],
    refuses: {
      key: ['each record is a row of its own', 'remove it, or use mode: newest for one row a key'],
      version: [neitherNewer, 'remove it, or use mode: newest'],
      delete: ['rows are only added', 'remove it, or use mode: newest'],
    },
  },
  sum: {
    needs: ['key'],
    refuses: {
      version: [neitherNewer, 'remove it'],
      delete: [
        'records are only added up',
        'remove it; a record that takes something away has a negative number',
      ],
    },
  },
}

/** The mode of a file; undefined where it has a word that is none. */
export function modeOf(given: object): TableMode | undefined {
  const { mode = 'newest' } = given as { readonly mode?: unknown }
  return tableModes.find((one) => one === mode)
}

/** Whether a member means something in the mode. */
export function isOfMode(mode: TableMode | undefined, member: Member): boolean {
  return mode === undefined || modeRules[mode].refuses[member] === undefined
}

/** Adds the rules to the schema of a file: they are checked whatever else is wrong. */
export function withModes<Schema extends z.ZodType>(
  schema: Schema,
  missing: Readonly<Record<Member, string>>,
): Schema {
  const when = ({ value }: { readonly value: unknown }) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  const isOther = (given: unknown, mode: TableMode) => modeOf(given as object) !== mode
  const isThere = (given: unknown, member: Member) => (given as Record<string, unknown>)[member] !== undefined
  return tableModes.reduce((ofModes, mode) => {
    const { needs, refuses } = modeRules[mode]
    const withNeeds = needs.reduce(
      (checked, member) =>
        checked.refine((given) => isOther(given, mode) || isThere(given, member), {
          when,
          path: [member],
          error: `is missing: ${missing[member]}`,
        }),
      ofModes,
    )
    return Object.entries(refuses).reduce(
      (checked, [member, [why, fix]]) =>
        checked.refine((given) => isOther(given, mode) || !isThere(given, member as Member), {
          when,
          path: [member],
          error: `cannot be combined with mode ${mode}: ${why}`,
          params: { fix },
        }),
      withNeeds,
    )
  }, schema)
}

/** The same for a JSON schema. */
export function modeConditions() {
  const members: readonly Member[] = ['key', 'version', 'delete']
  return members.flatMap((member) => {
    const refusing = tableModes.filter((mode) => !isOfMode(mode, member))
    const isNeeded = modeRules.newest.needs.includes(member)
    return [
      {
        if: { properties: { mode: { enum: refusing } }, required: ['mode'] },
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
        then: { properties: { [member]: false } },
        ...(isNeeded ? { else: { required: [member] } } : {}),
      },
    ]
  })
}
