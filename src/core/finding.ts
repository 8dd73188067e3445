import type { Fix } from './fix.ts'

/**
 * What a check found. `failed`: something that is configured does not work, or data would be lost. `warning`: it
 * works, but the operator should know. `skipped`: it could not be checked, and the detail says why.
 */
export interface Finding {
  /** Lower case, unique in a report; scripts rely on it. */
  readonly name: string
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped'
  /** One line for people. */
  readonly detail: string
  /** What to paste, in this order; empty unless it is a warning or a failure. */
  readonly fixes: readonly Fix[]
}

/** A warning or a failure without a fix would leave its reader alone with it. */
type Fixes = readonly [Fix, ...Fix[]]

export const ok = (name: string, detail: string): Finding => ({ name, status: 'ok', detail, fixes: [] })

export const skipped = (name: string, detail: string): Finding => ({
  name,
  status: 'skipped',
  detail,
  fixes: [],
})

export const warning = (name: string, detail: string, ...fixes: Fixes): Finding => ({
  name,
  status: 'warning',
  detail,
  fixes,
})

export const failed = (name: string, detail: string, ...fixes: Fixes): Finding => ({
  name,
  status: 'failed',
  detail,
  fixes,
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
