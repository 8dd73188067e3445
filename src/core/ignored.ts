/** Known by it from any row, whatever that has, also where the package is there twice. */
const mark: unique symbol = Symbol.for('pubsub-postgres-ingester.ignored')

/** That by the pipeline's own rules there is nothing to store: `rule` for counting (few, fixed, and declared). */
export class Ignored {
  readonly rule: string
  readonly [mark] = true

  constructor(rule: string) {
    // A module in JavaScript may give anything.
    const given: unknown = rule
    this.rule = String(given)
  }
}

export function isIgnored(decoded: unknown): decoded is Ignored {
  return typeof decoded === 'object' && decoded !== null && mark in decoded
}

/** The rules that are the engine's own. */
export const engineRules = {
  /** The message has no record. */
  empty: 'empty',
  /** The record came too late for anyone to know whether it counts. */
  expired: 'expired',
  /** A rule that the pipeline does not declare: each would be one more series of a metric. */
  undeclared: 'undeclared',
} as const

/** All under which records of a pipeline are counted. */
export function ignoreRulesOf({
  ignoreRules = [],
}: {
  readonly ignoreRules?: readonly string[]
}): Set<string> {
  return new Set([...ignoreRules, ...Object.values(engineRules)])
}
