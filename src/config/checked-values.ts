import { EnvMissingError, customCleanEnv } from 'envalid'
import { crossChecks } from './cross-checks.ts'
import type { Fault, Malformed, Place } from './fault.ts'
import type { Resolved } from './resolve.ts'
import { isSecret } from './secrets.ts'
import { looksLikeUrl } from './shown.ts'
import type { Values, Variable } from './spec.ts'
import { spec } from './spec.ts'
import type { InWords } from './validators.ts'
import { InvalidValue } from './values.ts'

/**
 * The values of some variables, each checked by itself and those that belong together with each other; nothing else is
 * looked at. A value is undefined where there is a fault.
 */
export function checkedValues<V extends Variable>(
  resolved: Resolved,
  variables: readonly V[],
): { readonly values: Pick<Values, V>; readonly faults: readonly Fault[] } {
  const { clean, faults } = eachChecked(resolved, variables)
  const together = crossChecks.filter(({ variable, others }) =>
    [variable, ...others].every((one) => Object.hasOwn(clean, one) && !faults.has(one)),
  )
  const conflicts = together.filter(({ isBroken }) => isBroken(clean))
  return {
    values: clean,
    faults: [
      ...resolved.faults,
      ...faults.values(),
      ...conflicts.map(({ variable, others, rule }) => ({
        kind: 'conflict' as const,
        variable,
        others,
        rule,
      })),
    ],
  }
}

function eachChecked(
  { values, unknown, fromUrl }: Resolved,
  variables: readonly Variable[],
): { readonly clean: Values; readonly faults: ReadonlyMap<Variable, Fault> } {
  const found = new Map<Variable, Fault>()
  const chosen = Object.fromEntries(variables.map((name) => [name, spec[name]]))
  const clean = customCleanEnv({ ...values }, chosen, (cleaned) => cleaned, {
    reporter: ({ errors }) => {
      for (const [name, error] of Object.entries(errors) as [Variable, Error][])
        found.set(name, faultOf(name, error))
    },
  })
  for (const name of variables) {
    const url = fromUrl.get(name)
    if (unknown.has(name)) found.delete(name)
    else if (url !== undefined && found.has(name)) found.set(name, inUrl(url, name))
    else if (url === undefined && isUrlElsewhere(name, values[name])) found.set(name, notForUrls(name))
  }
  // At least the values that were selected; the caller knows which.
  return { clean: clean as unknown as Values, faults: found }
}

function faultOf(variable: Variable, error: Error): Fault {
  if (error instanceof EnvMissingError) {
    const { example = '…' }: { readonly example?: string } = spec[variable]
    return { kind: 'missing', variable, example }
  }
  if (!(error instanceof InvalidValue)) return { kind: 'malformed', variable, rule: error.message }
  const { rule, value, reason } = error
  return { kind: 'malformed', variable, rule, value, reason }
}

const allowed = (name: Variable) => (spec[name] as unknown as InWords).allows

/** Nothing of a URL is repeated. */
function inUrl(url: string, part: Variable): Malformed {
  return { kind: 'malformed', variable: url, rule: `its ${wordFor(part)} must be ${allowed(part)}` }
}

/** `INGESTER_POSTGRES_SSL_MODE`: ssl mode. */
const wordFor = (name: Variable) =>
  name
    .replace(/^INGESTER_[A-Z]+_/, '')
    .replaceAll('_', ' ')
    .toLowerCase()

/** An emulator's address may have a scheme, and looks for the rest itself. */
function isUrlElsewhere(name: Variable, value: string | undefined): boolean {
  const mayBe = isSecret(name) || name === 'PUBSUB_EMULATOR_HOST'
  return value !== undefined && !mayBe && looksLikeUrl(value)
}

/** There may be a password in it, which must not get into a log. */
function notForUrls(variable: Variable): Malformed {
  const [, group] = /^INGESTER_(POSTGRES|REDIS)_/.exec(variable) ?? []
  return {
    kind: 'malformed',
    variable,
    rule: `must be ${allowed(variable)}`,
    value: { kind: 'url' },
    belongsIn: group === undefined ? undefined : `INGESTER_${group}_URL`,
  }
}

/** Faults about variables that stand in a file, with their places. */
export function located(faults: readonly Fault[], places: Readonly<Record<string, Place>>): Fault[] {
  return faults.map((fault) => {
    if (fault.kind === 'syntax' || fault.kind === 'missing' || fault.variable === undefined) return fault
    const place = places[fault.variable]
    return place === undefined ? fault : { ...fault, place }
  })
}
