import type { Advice } from './advice.ts'

export interface ExplainedOptions extends ErrorOptions {
  readonly fixes?: readonly Advice[]
}

/** An error with fixes, which are not part of its message: see `connect/explain.ts`. */
export class ExplainedError extends Error {
  readonly fixes: readonly Advice[]

  constructor(message: string, options?: ExplainedOptions) {
    super(message, options)
    this.fixes = options?.fixes ?? []
  }
}

export function fixesOf(error: unknown): readonly Advice[] {
  return error instanceof ExplainedError ? error.fixes : []
}
