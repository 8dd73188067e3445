import type { SuiteName } from './suites.ts'

/** One place in a file, and what stands there instead. */
export interface Edit {
  /** From the project's root. */
  readonly file: string
  /** Is there exactly once. */
  readonly before: string
  readonly after: string
}

/** A plausible bug. */
export interface Mutation {
  readonly name: string
  /** What it would do in production. */
  readonly wouldDo: string
  readonly edits: readonly Edit[]
  /** The suites that may catch it, in this order. */
  readonly suites: readonly SuiteName[]
}

/**
 * The file's text with the edit.
 *
 * @throws Error where the edit fits nowhere or in more than one place
 */
export function edited(text: string, { file, before, after }: Edit): string {
  const times = text.split(before).length - 1
  if (times !== 1) {
    throw new Error(
      `${file} has this ${times} times instead of once, so the mutation no longer fits:\n${before}`,
    )
  }
  return text.replace(before, () => after)
}
