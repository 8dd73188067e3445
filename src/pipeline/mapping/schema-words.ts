import { z } from 'zod'
import { preview } from '#core/preview.ts'

/** A schema's words for what is wrong; {@link schemaFaults} makes faults of them. */
export function expected(what: string) {
  return ({ input }: { readonly input?: unknown }) =>
    input === undefined ? `is missing: ${what}` : `must be ${what}, not ${preview(input)}`
}

export const text = (what: string) => z.string({ error: expected(what) })

export interface Refusal {
  /** Names of members that it is about, from the one that is checked. */
  readonly path?: readonly (string | number)[]
  readonly what: string
  readonly fix?: string | undefined
}

/** A check that says how to fix what it finds. */
export function refuseBy<Value>(faultsOf: (value: Value) => readonly Refusal[]) {
  return (value: Value, context: z.RefinementCtx): void => {
    for (const { path = [], what, fix } of faultsOf(value))
      context.addIssue({ code: 'custom', path: [...path], message: what, params: { fix } })
  }
}

/** Of a word that there is not yet; {@link schemaFaults} knows it by it. */
export const ofLater = 'comes with a later version'

/** One of some words, of which more will come. */
export function word<const Words extends readonly [string, ...string[]]>(
  words: Words,
  later: readonly string[] = [],
) {
  const rule = words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return z.enum(words, {
    error: ({ input }) =>
      typeof input === 'string' && later.includes(input)
        ? `${preview(input)} ${ofLater}`
        : expected(rule)({ input }),
  })
}

/** An object with these members and no other. */
export function objectOf<Members extends z.core.$ZodLooseShape>(members: Members, what = 'an object') {
  const known = Object.keys(members)
  return z.strictObject(members, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? known.join(' ') : expected(what)(issue)),
  })
}

/** Members that exclude each other, and why. */
export type Exclusion = readonly [kept: string, excluded: string, why?: string]

/** Adds the exclusions to an object's schema: they are checked whatever else is wrong, each excluded member once. */
export function withExclusions<Schema extends z.ZodType>(
  schema: Schema,
  exclusions: readonly Exclusion[],
): Schema {
  const isBroken = (given: unknown, [kept, excluded]: Exclusion) => has(given, kept) && has(given, excluded)
  return exclusions.reduce((checked, exclusion, at) => {
    const [kept, excluded, why] = exclusion
    const before = exclusions.slice(0, at).filter(([, name]) => name === excluded)
    const isFine = (given: unknown) =>
      !isBroken(given, exclusion) || before.some((earlier) => isBroken(given, earlier))
    return checked.refine(isFine, {
      when: ({ value }) => typeof value === 'object' && value !== null,
      path: [excluded],
      error: `cannot be combined with ${kept}${why === undefined ? '' : `: ${why}`}`,
      params: { fix: 'remove one of them' },
    })
  }, schema)
}

const has = (given: unknown, name: string) => (given as Record<string, unknown>)[name] !== undefined

/** The same for a JSON schema: where the one member is there, the others must not be. */
export function excluding(exclusions: readonly Exclusion[]) {
  const byKept = Map.groupBy(exclusions, ([kept]) => kept)
  const dependencies = byKept
    .entries()
    .map(([kept, others]) => [
      kept,
      { properties: Object.fromEntries(others.map(([, excluded]) => [excluded, false])) },
    ])
  return { dependencies: Object.fromEntries(dependencies) }
}
