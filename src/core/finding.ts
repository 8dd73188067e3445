import type { Mend } from './mend.ts'

/**
 * What a check found. `failed`: something that is configured does not work, or data would be lost. `warning`: it
 * works, and a person should know. `skipped`: it could not be looked at, and the detail says why.
 */
export interface Finding {
  /** Lower case, unique in a report: scripts hold on to it. */
  readonly name: string
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped'
  /** One line for people. */
  readonly detail: string
  /** What to paste, in this order; empty unless it is a warning or a failure. */
  readonly mends: readonly Mend[]
}

/** A warning or a failure without a mend would leave its reader alone with it. */
type Mends = readonly [Mend, ...Mend[]]

export const ok = (name: string, detail: string): Finding => ({ name, status: 'ok', detail, mends: [] })

export const skipped = (name: string, detail: string): Finding => ({
  name,
  status: 'skipped',
  detail,
  mends: [],
})

export const warning = (name: string, detail: string, ...mends: Mends): Finding => ({
  name,
  status: 'warning',
  detail,
  mends,
})

export const failed = (name: string, detail: string, ...mends: Mends): Finding => ({
  name,
  status: 'failed',
  detail,
  mends,
})

/** Some checks that are made together, one after the other. */
export interface Check {
  /** Of its findings; where it cannot be made, each is reported as skipped. */
  readonly names: readonly string[]
  readonly run: () => Promise<readonly Finding[]>
}

/**
 * Makes checks in turn. One that throws is reported under its first name, by what `failure` makes of the error; those
 * after it are skipped, since they ask the same server.
 */
export async function inTurn(
  checks: readonly Check[],
  failure: (name: string, error: unknown) => Finding,
): Promise<Finding[]> {
  const findings: Finding[] = []
  let broken: string | undefined
  for (const { names, run } of checks) {
    const [first = '', ...others] = names
    if (broken !== undefined) {
      findings.push(...skippedAll(names, broken))
      continue
    }
    try {
      findings.push(...(await run()))
    } catch (error) {
      broken = `"${first}" failed`
      findings.push(failure(first, error), ...skippedAll(others, broken))
    }
  }
  return findings
}

export function skippedAll(names: readonly string[], reason: string): Finding[] {
  return names.map((name) => skipped(name, reason))
}
