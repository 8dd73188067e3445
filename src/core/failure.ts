/**
 * What a failed write means to the engine: what to do next, not what went wrong.
 *
 * - `bad-row`: a row that the database refuses; find it
 * - `schema-drift`: the table is not what the pipeline expects; hold until somebody fixes it
 * - `conflict`: again at once
 * - `locked`: other transactions hold some of the rows; write the others, and these when they are free
 * - `too-big`: the statement ran out of time; halve the batch
 * - `infrastructure`: hold and retry until it works
 * - `no-rights`: hold until somebody fixes it
 * - `unknown`: as infrastructure, but a record that alone fails so three times while others commit is buried
 */
export const failureClasses = [
  'bad-row',
  'schema-drift',
  'conflict',
  'locked',
  'too-big',
  'infrastructure',
  'no-rights',
  'unknown',
] as const
export type FailureClass = (typeof failureClasses)[number]

export interface WriteFailureOptions extends ErrorOptions {
  readonly ownFault?: boolean
}

/** A store did not take what it was given. The message says what, where and how to fix it; no payload, no secret. */
export class WriteFailure extends Error {
  readonly class: FailureClass
  /** SQLSTATE or a socket error's code, where there is one. */
  readonly code: string | undefined
  /**
   * Of a `bad-row`: nothing but the row's own values decided. Another table, another row or a trigger had no say, so a
   * table that accepts the rows it has refuses this one for its own sake.
   */
  readonly ownFault: boolean

  constructor(failureClass: FailureClass, message: string, code?: string, options?: WriteFailureOptions) {
    super(message, options)
    this.name = 'WriteFailure'
    this.class = failureClass
    this.code = code
    this.ownFault = options?.ownFault ?? false
  }
}

/** The user has to change something before a retry can work. The command ends with exit code 2. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

/** A dependency was not reachable within the time limit. The command ends with exit code 3. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
}

/**
 * What a person should read of anything thrown: an error's message, or the thing itself. Connecting to a name with
 * several addresses fails with one error for each, in one that has no message of its own.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join(', ')
  return error.message || error.name
}
