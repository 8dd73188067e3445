import type { z } from 'zod'
import { similarName } from '#core/similar.ts'
import type { MemberFault, MemberPath } from './mapping-error.ts'
import { memberText } from './mapping-error.ts'
import { ofLater } from './schema-words.ts'

const useModule = 'remove the line, or use a module (docs/PIPELINES.md)'

type Issue = z.core.$ZodIssue

/** What a schema found, with a fix where there is an obvious one. */
export function schemaFaults(error: z.ZodError | undefined): MemberFault[] {
  const faults = (error?.issues ?? []).flatMap((issue) => faultsOf(issue, []))
  // A member with a typo in its name is unknown; that it is missing as well, or that its object lacks one, would be one
  // fault told twice.
  const typos = faults.flatMap(({ path, meant }) => (meant ? [{ above: path.slice(0, -1), meant }] : []))
  const isTold = ({ path, what }: MemberFault) =>
    typos.some(({ above, meant }) =>
      what.startsWith('is missing')
        ? memberText(path) === memberText([...above, meant])
        : memberText(path) === memberText(above) && lackOf(what).includes(meant),
    )
  return faults.filter((fault) => !isTold(fault))
}

/** Members of which an object has none. */
const lackOf = (what: string) => /needs one of (.*)$/.exec(what)?.[1]?.split(', ') ?? []

function faultsOf(
  issue: Issue,
  above: MemberPath,
): (MemberFault & { readonly meant?: string | undefined })[] {
  const path = [...above, ...(issue.path as MemberPath)]
  const { message: what } = issue
  switch (issue.code) {
    case 'unrecognized_keys': {
      // The message names the members that are known.
      const known = what.split(' ')
      return issue.keys.map((key) => unknownMember([...path, key], key, known))
    }
    case 'invalid_value':
      return [
        {
          path,
          what,
          fix: what.endsWith(ofLater) ? useModule : fixOfWord(issue.input, issue.values.map(String)),
        },
      ]
    case 'invalid_union': {
      const fitting = issue.errors.filter((branch) => !branch.some(isOfOtherType))
      const [only, another] = fitting
      if (only === undefined || another !== undefined) return [{ path, what }]
      return only.flatMap((one) => faultsOf(one, path))
    }
    case 'custom':
      return [{ path, what, fix: (issue.params as { readonly fix?: string } | undefined)?.fix }]
    default:
      return [{ path, what }]
  }
}

/** Of the branches of a union, those count whose type the value has. */
const isOfOtherType = ({ path, code }: Issue) =>
  path.length === 0 && (code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union')

function unknownMember(path: MemberPath, key: string, known: readonly string[]) {
  const meant = similarName(key, known)
  const fix = meant === undefined ? `known here: ${known.join(', ')}` : didYouMean(meant)
  return { path, what: 'is unknown', fix, meant }
}

const didYouMean = (word: string) => `did you mean ${word}?`

function fixOfWord(input: unknown, words: readonly string[]): string | undefined {
  if (typeof input !== 'string') return undefined
  const synonym = synonyms.find(([pattern, word]) => pattern.test(input) && words.includes(word))
  const similar = synonym?.[1] ?? similarName(input, words)
  return similar === undefined ? undefined : didYouMean(similar)
}

const synonyms: readonly (readonly [RegExp, string])[] = [
  [/^sec(?:ond)?s?$/i, 's'],
  [/^(?:milli(?:second)?s?|msecs?)$/i, 'ms'],
  [/^(?:micro(?:second)?s?|usecs?|[\u00b5\u03bc]s)$/i, 'us'],
  [/^(?:nano(?:second)?s?|nsecs?)$/i, 'ns'],
  [/^(?:base-?16|hexadecimal)$/i, 'hex'],
  [/^(?:upsert|replace|merge|latest)$/i, 'newest'],
  [/^(?:insert|log)$/i, 'append'],
  [/^(?:add|count|increment|total)s?$/i, 'sum'],
]
